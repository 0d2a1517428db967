import { css } from 'lit';

/** What is said in words: lines, notices, prompts. */
export const wordStyles = css`
  .lines {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 2px 20px;
    min-height: 1.5em;
    color: var(--qr-muted-text);
    font-size: 0.9375rem;
    text-align: center;
  }
  .lines p {
    margin: 0;
  }
  .lines > div {
    display: grid;
    gap: 4px;
    justify-items: center;
  }
  .notice,
  .sharing:is(p) {
    max-width: 46rem;
    padding: 6px 14px;
    border-radius: 10px;
    background: var(--qr-notice);
    color: var(--qr-notice-text);
  }
  .protection {
    display: flex;
    align-items: center;
    gap: 6px;
  }
  .protection.on {
    color: var(--qr-accent);
  }
  .protection svg {
    flex: none;
    width: 1.1rem;
    height: 1.1rem;
  }
  .prompts {
    display: grid;
    gap: 8px;
    justify-items: center;
  }
  .prompts:not(:has(.prompt)) {
    display: none;
  }
  .prompt {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 6px 16px;
    padding: 8px 16px;
    border: 1px solid var(--qr-highlight);
    border-radius: var(--qr-radius);
    background: var(--qr-notice);
    color: var(--qr-notice-text);
  }
  .prompt p {
    margin: 0;
  }
  .answers {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .small-window-picture {
    position: fixed;
    top: 0;
    width: 1px;
    height: 1px;
    clip-path: inset(50%);
  }
  .announcer {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .sharing:is(p) {
    background: var(--qr-active);
    color: var(--qr-text);
  }
  @container (max-width: 46rem) {
    .lines {
      column-gap: 12px;
      font-size: 0.875rem;
    }
  }
`;
