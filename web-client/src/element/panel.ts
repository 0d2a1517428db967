import { css } from 'lit';

/** What the panels beside the pictures have in common. */
export const panelStyles = css`
  .scroll {
    min-height: 0;
    overflow: auto;
    overscroll-behavior: contain;
    scrollbar-color: var(--qr-border) transparent;
  }
  :focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  .log:focus-visible {
    outline-offset: -3px;
  }
`;
