import { css } from 'lit';

/** A dialog above everything, with buttons at its end. */
export const dialogStyles = css`
  dialog {
    box-sizing: border-box;
    width: min(28rem, calc(100vw - 32px));
    padding: 20px;
    border: 1px solid var(--qr-border);
    border-radius: calc(var(--qr-radius) + 2px);
    background: var(--qr-surface);
    color: var(--qr-text);
  }
  dialog::backdrop {
    background: rgb(0 0 0 / 60%);
  }
  h2 {
    margin: 0 0 8px;
    font-size: 1.25rem;
    font-weight: 600;
  }
  p {
    margin: 0 0 20px;
    color: var(--qr-muted-text);
  }
  .answers {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-end;
    gap: 8px;
  }
`;
