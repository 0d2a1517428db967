import { css } from 'lit';

/** What is open beside the pictures. */
export const sidePanelStyles = css`
  .panel {
    box-sizing: border-box;
    flex: 0 0 22rem;
    display: flex;
    flex-direction: column;
    gap: 10px;
    min-height: 0;
    padding: 12px 14px 14px;
    border-radius: var(--qr-radius);
    background: var(--qr-surface);
  }
  .panel header {
    display: flex;
    align-items: center;
    justify-content: space-between;
  }
  .panel h2 {
    margin: 0;
    font-size: 1.125rem;
    font-weight: 600;
  }
  .panel > .people {
    min-height: 0;
    overflow: auto;
    overscroll-behavior: contain;
  }
  .panel > .devices,
  .panel > .own {
    min-height: 0;
    overflow: auto;
    overscroll-behavior: contain;
  }
  .panel > .devices {
    display: flex;
    flex-direction: column;
    gap: 16px;
    padding: 4px;
  }
  .panel > :last-child {
    flex: 1;
  }
  button.close {
    min-height: 44px;
    width: 44px;
    padding: 0;
    border-color: transparent;
    background: none;
  }
  button.close:hover {
    background: var(--qr-control);
  }
  @container (max-width: 56rem) {
    /* Beside pictures it would leave them no room; the controls stay in reach. */
    .panel {
      position: absolute;
      inset: 0;
      z-index: 1;
    }
  }
`;
