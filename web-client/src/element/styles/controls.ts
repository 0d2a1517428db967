import { css } from 'lit';

/** The buttons under the pictures. */
export const controlsStyles = css`
  .bar {
    position: relative;
  }
  .controls {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 8px;
  }
  .controls:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 3px;
    border-radius: 16px;
  }
  /* Above the pictures, so that they do not move when it opens. */
  .reactions {
    position: absolute;
    inset-inline: 0;
    bottom: calc(100% + 8px);
    z-index: 2;
    display: flex;
    justify-content: center;
    gap: 6px;
    width: fit-content;
    margin-inline: auto;
    padding: 6px;
    border: 1px solid var(--qr-border);
    border-radius: 999px;
    background: var(--qr-background);
  }
  .controls button {
    flex-direction: column;
    gap: 2px;
    box-sizing: border-box;
    min-width: 6.25rem;
    padding: 6px 10px;
    border-radius: 16px;
    font-size: 0.8125rem;
    line-height: 1.25;
    /* A long word rather breaks than reaches out. */
    overflow-wrap: anywhere;
  }
  .controls button[aria-expanded='true'],
  .controls button.on {
    border-color: var(--qr-accent);
    background: var(--qr-active);
  }
  .controls button.off {
    border-color: var(--qr-text);
    background: var(--qr-text);
    color: var(--qr-background);
  }
  .controls button.off:hover {
    background: var(--qr-muted-text);
  }
  .controls button.leave {
    border-color: var(--qr-danger-border);
    background: var(--qr-danger);
    color: var(--qr-danger-text);
  }
  .controls button.leave:hover {
    background: var(--qr-danger-hover);
  }
  .reactions button {
    min-width: 48px;
    padding: 0;
    border-color: transparent;
    font-size: 1.375rem;
  }
  .badge {
    position: absolute;
    inset-inline-end: 18%;
    top: 3px;
    min-width: 1.25rem;
    padding: 0 5px;
    box-sizing: border-box;
    border-radius: 999px;
    background: var(--qr-highlight);
    color: var(--qr-on-highlight);
    font-size: 0.75rem;
    font-weight: 700;
    line-height: 1.25rem;
    text-align: center;
  }
  .more {
    position: absolute;
    inset-inline: 0;
    bottom: calc(100% + 8px);
    z-index: 2;
    display: grid;
    width: min(100%, 21rem);
    max-height: min(70vh, 26rem);
    margin-inline: auto;
    padding: 6px;
    overflow: auto;
    border: 1px solid var(--qr-border);
    border-radius: var(--qr-radius);
    background: var(--qr-background);
  }
  .more button {
    justify-content: start;
    border-color: transparent;
    border-radius: 10px;
    background: none;
    text-align: start;
  }
  .more button:hover {
    background: var(--qr-control);
  }
  .more button:focus-visible {
    outline-offset: -3px;
  }
  @container (max-width: 46rem) {
    .controls {
      display: grid;
      grid-template-columns: repeat(4, 1fr);
      gap: 6px;
    }
    /* Nobody's way out stands alone in a row that takes height from the pictures. */
    .controls:has(> :nth-child(9)) {
      grid-template-columns: repeat(5, 1fr);
    }
    .controls button {
      min-width: 0;
      padding: 5px 2px;
      font-size: 0.75rem;
    }
  }
  /* On a tablet the last two would be alone in a second row. */
  @container (46rem < width <= 64rem) {
    .bar > .controls {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(4.5rem, 1fr));
      gap: 6px;
    }
    .bar > .controls button {
      min-width: 0;
      padding: 6px 3px;
      font-size: 0.75rem;
    }
  }
  /* A phone on its side has no height for a second row. */
  @media (max-height: 28rem) {
    @container (min-width: 36rem) {
      .bar > .controls {
        display: flex;
        flex-wrap: nowrap;
        gap: 4px;
      }
      .bar > .controls button {
        flex: 1 1 0;
        min-width: 0;
        min-height: 44px;
        padding: 3px 2px;
        font-size: 0.6875rem;
        line-height: 1.15;
      }
    }
  }
`;
