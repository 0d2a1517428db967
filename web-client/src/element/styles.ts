import { css } from 'lit';

/** The look of `<quiet-room>`. Contrasts are 4.5:1 at least (WCAG 2.2 AA). */
export const roomStyles = css`
  :host {
    display: block;
    min-height: 20rem;
    background: #10191b;
    color: #f3f7f6;
    font-family: system-ui, sans-serif;
    font-size: 1rem;
    line-height: 1.5;
  }
  :host([hidden]) {
    display: none;
  }
  .room {
    box-sizing: border-box;
    display: flex;
    flex-direction: column;
    gap: 12px;
    height: 100%;
    min-height: inherit;
    padding: 12px;
  }
  .grid {
    flex: 1;
    display: flex;
    flex-wrap: wrap;
    place-content: center;
    gap: 12px;
    min-height: 0;
    margin: 0;
    padding: 0;
    overflow: hidden;
    list-style: none;
  }
  .grid li {
    display: grid;
    width: var(--tile-width);
    height: var(--tile-height);
  }
  .lines {
    display: grid;
    gap: 4px;
    text-align: center;
  }
  .lines p {
    margin: 0;
  }
  .status {
    min-height: 1.5em;
    color: #c4d4d2;
    font-size: 0.9375rem;
  }
  .notice {
    justify-self: center;
    max-width: 46rem;
    padding: 6px 14px;
    border-radius: 10px;
    background: #43351a;
    color: #ffe7b8;
    font-size: 0.9375rem;
  }
  .controls {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 10px;
  }
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-width: 9.5rem;
    min-height: 48px;
    padding: 8px 18px;
    border: 1px solid #52696b;
    border-radius: 999px;
    background: #26383b;
    color: #f3f7f6;
    font: inherit;
    cursor: pointer;
    transition: background-color 120ms;
  }
  button:hover {
    background: #324a4e;
  }
  button:focus-visible {
    outline: 3px solid #ffd27a;
    outline-offset: 2px;
  }
  button.off {
    border-color: #f3f7f6;
    background: #f3f7f6;
    color: #10191b;
  }
  button.off:hover {
    background: #d9e4e2;
  }
  button.leave {
    border-color: #c0392f;
    background: #a92d24;
    color: #fff;
  }
  button.leave:hover {
    background: #8f241c;
  }
  button.primary {
    border-color: #9fd8c8;
    background: #9fd8c8;
    color: #0d1a18;
    font-weight: 600;
  }
  button.primary:hover {
    background: #bce6da;
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
    color: #c4d4d2;
  }
  .ended button {
    margin-top: 12px;
  }
  @media (max-width: 30rem) {
    .room {
      gap: 8px;
      padding: 8px;
    }
    .grid {
      gap: 8px;
    }
    .controls {
      flex-wrap: nowrap;
      gap: 8px;
    }
    .controls button {
      flex: 1;
      flex-direction: column;
      gap: 2px;
      min-width: 0;
      padding: 6px;
      border-radius: 16px;
      font-size: 0.8125rem;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    button {
      transition: none;
    }
  }
`;
