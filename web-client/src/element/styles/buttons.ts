import { css } from 'lit';

/** Every button of the room. */
export const buttonStyles = css`
  button {
    position: relative;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 48px;
    padding: 8px 18px;
    border: 1px solid var(--qr-border);
    border-radius: 999px;
    background: var(--qr-control);
    color: var(--qr-text);
    font: inherit;
    cursor: pointer;
    transition: background-color 120ms;
  }
  button:hover {
    background: var(--qr-control-hover);
  }
  button:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  button:disabled,
  .controls button[aria-disabled='true'] {
    border-color: var(--qr-control-hover);
    background: none;
    color: var(--qr-faint-text);
    cursor: default;
  }
  button.primary {
    border-color: var(--qr-accent);
    background: var(--qr-accent);
    color: var(--qr-accent-text);
    font-weight: 600;
  }
  button.primary:hover {
    background: var(--qr-accent-hover);
  }
  button svg {
    flex: none;
    width: 1.4rem;
    height: 1.4rem;
  }
  .hear {
    align-self: center;
    min-height: 64px;
    padding-inline: 32px;
    font-size: 1.25rem;
  }
  .hear svg {
    width: 1.8rem;
    height: 1.8rem;
  }
  @media (prefers-reduced-motion: reduce) {
    button {
      transition: none;
    }
  }
  /* There a button's state is not told by its colours. */
  @media (forced-colors: active) {
    /* The colour of its words is made for this one alone, not for what is behind. */
    button {
      background: ButtonFace !important;
    }
    button.on,
    button.off,
    button[aria-expanded='true'],
    button[aria-pressed='true'] {
      border: 3px solid Highlight;
    }
    button:disabled,
    .controls button[aria-disabled='true'] {
      border-color: GrayText;
      color: GrayText;
    }
  }
`;
