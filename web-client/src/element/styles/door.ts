import { css } from 'lit';

/** The door before the room, and the end. */
export const doorStyles = css`
  .door {
    flex: 1;
    display: flex;
    flex-direction: column;
    align-items: center;
    /* A long note may take more than there is: its beginning must stay in reach. */
    justify-content: safe center;
    gap: 12px;
    min-width: 0;
    min-height: 0;
    padding: 12px;
    overflow: auto;
    text-align: center;
  }
  .door h2 {
    margin: 0;
    font-size: 1.5rem;
    font-weight: 600;
  }
  .door p {
    max-width: 34rem;
    margin: 0;
    color: var(--qr-muted-text);
  }
  .door .why {
    color: var(--qr-text);
    font-size: 1.125rem;
  }
  .door .back {
    margin: 6px auto 0;
  }
  .door .note {
    margin-top: 8px;
    padding: 8px 14px;
    border-radius: 12px;
    background: var(--qr-notice);
    color: var(--qr-notice-text);
    overflow-wrap: anywhere;
  }
  .door .answers {
    justify-content: center;
  }
  .door quiet-room-tile {
    width: min(100%, 26rem);
    aspect-ratio: 4 / 3;
    flex: 0 1 auto;
    min-height: 7rem;
  }
  .consent .text {
    box-sizing: border-box;
    width: min(100%, 42rem);
    min-height: 6rem;
    padding: 14px 18px;
    overflow: auto;
    border: 1px solid var(--qr-border);
    border-radius: var(--qr-radius);
    background: var(--qr-surface);
    text-align: start;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .door h2:focus-visible,
  .ended h2:focus-visible,
  .consent .text:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  .ended {
    display: grid;
    align-content: center;
    justify-items: center;
    gap: 12px;
    flex: 1;
    padding: 24px;
    text-align: center;
  }
  .ended h2 {
    margin: 0;
    font-size: 1.5rem;
    font-weight: 600;
  }
  .ended p {
    max-width: 34rem;
    margin: 0;
    color: var(--qr-muted-text);
  }
  .ended button {
    margin-top: 12px;
  }
  @container (max-width: 46rem) {
    .door .controls {
      grid-template-columns: repeat(3, 6.25rem);
    }
  }
`;
