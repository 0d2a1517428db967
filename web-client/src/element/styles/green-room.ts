import { css } from 'lit';

/** Before the session. What comes late has its place from the start, so that nothing moves. */
export const greenRoomStyles = css`
  :host {
    flex: 1;
    display: block;
    container-type: inline-size;
    min-height: 0;
    overflow: auto;
  }
  .green-room {
    box-sizing: border-box;
    width: min(100%, 30rem);
    margin-inline: auto;
    padding-bottom: 12px;
  }
  h2,
  h3 {
    margin: 0;
    font-weight: 600;
  }
  h2 {
    margin-block: 4px 12px;
    font-size: 1.5rem;
    text-align: center;
  }
  h2:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  h3 {
    margin-bottom: 8px;
    font-size: 1rem;
  }
  .preview {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 8px;
  }
  quiet-room-tile {
    width: 100%;
    aspect-ratio: 16 / 10;
  }
  .state {
    min-height: 1.5em;
    margin: 0;
    color: var(--qr-muted-text);
    font-size: 0.9375rem;
    text-align: center;
  }
  .preview .controls {
    display: flex;
    gap: 8px;
  }
  .preview .controls button {
    flex: 0 1 8.5rem;
    font-size: 0.8125rem;
  }
  form {
    display: grid;
    gap: 4px;
    margin-top: 14px;
  }
  label {
    font-weight: 600;
  }
  input {
    box-sizing: border-box;
    width: 100%;
    min-height: 48px;
    padding: 8px 14px;
    border: 1px solid var(--qr-field-border);
    border-radius: 10px;
    background: var(--qr-surface);
    color: var(--qr-text);
    font: inherit;
  }
  input:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  form p {
    margin: 0;
    color: var(--qr-muted-text);
    font-size: 0.875rem;
  }
  .answers {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    margin-top: 10px;
  }
  .answers button {
    flex: 1 1 auto;
  }
  .problems:has(*) {
    margin-top: 14px;
    padding: 10px 14px;
    border-radius: var(--qr-radius);
    background: var(--qr-notice);
    color: var(--qr-notice-text);
  }
  .problems p {
    margin: 0 0 4px;
  }
  .problems .help {
    margin-top: 8px;
    font-weight: 600;
  }
  ol {
    margin: 0;
    padding-inline-start: 1.4em;
  }
  .devices,
  .connection {
    margin-top: 18px;
  }
  @container (min-width: 52rem) {
    .green-room {
      display: grid;
      grid-template:
        'title title' auto
        'preview problems' auto
        'preview form' auto
        'preview devices' auto
        'preview connection' 1fr / minmax(0, 1.25fr) minmax(21rem, 1fr);
      column-gap: 36px;
      width: min(100%, 66rem);
      padding: 12px 24px;
    }
    h2 {
      grid-area: title;
      margin-bottom: 20px;
      text-align: start;
    }
    .preview {
      grid-area: preview;
      align-content: start;
    }
    form {
      grid-area: form;
      margin-top: 0;
    }
    .devices {
      grid-area: devices;
    }
    .connection {
      grid-area: connection;
    }
    .problems {
      grid-area: problems;
      align-self: start;
    }
    .problems:has(*) {
      margin: 0 0 16px;
    }
  }
`;
