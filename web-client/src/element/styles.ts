import { css } from 'lit';

/**
 * The look of `<quiet-room>`, by the element's own width. Contrasts are 4.5:1
 * at least (WCAG 2.2 AA).
 */
export const roomStyles = css`
  :host {
    display: block;
    container-type: inline-size;
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
  .main {
    position: relative;
    flex: 1;
    display: flex;
    gap: 12px;
    min-height: 0;
  }
  .pictures {
    flex: 1;
    display: flex;
    gap: 12px;
    min-width: 0;
    min-height: 0;
  }
  .grid {
    flex: 1;
    display: flex;
    flex-wrap: wrap;
    place-content: center;
    gap: 12px;
    min-width: 0;
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
  .grid li.pinned {
    order: -1;
    width: var(--pinned-width);
    height: var(--pinned-height);
  }
  .stage {
    flex: 1;
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: 1fr;
    gap: 12px;
    min-width: 0;
    min-height: 0;
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .stage li {
    display: grid;
    min-width: 0;
    min-height: 0;
  }
  .sharing .grid {
    flex: 0 0 13rem;
  }
  .panel {
    box-sizing: border-box;
    flex: 0 0 22rem;
    display: flex;
    flex-direction: column;
    gap: 10px;
    min-height: 0;
    padding: 12px 14px 14px;
    border-radius: 14px;
    background: #1c2b2e;
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
  .panel > :last-child {
    flex: 1;
  }
  .lines {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: center;
    gap: 2px 20px;
    min-height: 1.5em;
    color: #c4d4d2;
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
    background: #43351a;
    color: #ffe7b8;
  }
  .sharing:is(p) {
    background: #1f5146;
    color: #dff5ee;
  }
  .protection {
    display: flex;
    align-items: center;
    gap: 6px;
  }
  .protection.on {
    color: #9fd8c8;
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
    border: 1px solid #ffd27a;
    border-radius: 14px;
    background: #2b2413;
    color: #ffe7b8;
  }
  .prompt p {
    margin: 0;
  }
  .answers {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .door {
    flex: 1;
    display: flex;
    flex-direction: column;
    align-items: center;
    /* A long note may take more than there is: its beginning must stay in reach. */
    justify-content: safe center;
    gap: 12px;
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
    color: #c4d4d2;
  }
  .door .why {
    color: #f3f7f6;
    font-size: 1.125rem;
  }
  .door .note {
    margin-top: 8px;
    padding: 8px 14px;
    border-radius: 12px;
    background: #43351a;
    color: #ffe7b8;
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
    border: 1px solid #52696b;
    border-radius: 14px;
    background: #1c2b2e;
    text-align: start;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .door h2:focus-visible {
    outline: none;
  }
  .consent .text:focus-visible {
    outline: 3px solid #ffd27a;
    outline-offset: 2px;
  }
  .announcer {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .bar {
    position: relative;
  }
  .controls {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 8px;
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
    border: 1px solid #52696b;
    border-radius: 999px;
    background: #10191b;
  }
  button {
    position: relative;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
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
  button:disabled {
    border-color: #324a4e;
    background: none;
    color: #8fa6a4;
    cursor: default;
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
  }
  .controls button[aria-expanded='true'],
  .controls button.on {
    border-color: #9fd8c8;
    background: #1f5146;
  }
  .controls button.off {
    border-color: #f3f7f6;
    background: #f3f7f6;
    color: #10191b;
  }
  .controls button.off:hover {
    background: #d9e4e2;
  }
  .controls button.leave {
    border-color: #c0392f;
    background: #a92d24;
    color: #fff;
  }
  .controls button.leave:hover {
    background: #8f241c;
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
    background: #ffd27a;
    color: #241a05;
    font-size: 0.75rem;
    font-weight: 700;
    line-height: 1.25rem;
    text-align: center;
  }
  button.close {
    min-height: 44px;
    width: 44px;
    padding: 0;
    border-color: transparent;
    background: none;
  }
  button.close:hover {
    background: #2a3d41;
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
  @container (max-width: 56rem) {
    .pictures.sharing {
      flex-direction: column;
    }
    .pictures.sharing .stage {
      grid-auto-flow: row;
      grid-auto-rows: 1fr;
    }
    .sharing .grid {
      flex: 0 0 clamp(5rem, 22%, 9rem);
    }
    /* Beside pictures it would leave them no room; the controls stay in reach. */
    .panel {
      position: absolute;
      inset: 0;
      z-index: 1;
    }
  }
  @container (max-width: 46rem) {
    .room {
      gap: 8px;
      padding: 8px;
    }
    .main,
    .grid,
    .stage,
    .pictures {
      gap: 8px;
    }
    .lines {
      font-size: 0.875rem;
    }
    .controls {
      display: grid;
      grid-template-columns: repeat(4, 1fr);
      gap: 6px;
    }
    /* Nobody's way out stands alone in a row that takes height from the pictures. */
    .controls:has(> :nth-child(9)) {
      grid-template-columns: repeat(5, 1fr);
    }
    .door .controls {
      grid-template-columns: repeat(3, 6.25rem);
    }
    .controls button {
      min-width: 0;
      padding: 5px 2px;
      font-size: 0.75rem;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    button {
      transition: none;
    }
  }
`;
