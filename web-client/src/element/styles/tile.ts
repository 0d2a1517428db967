import { css } from 'lit';

/** A picture with what is said about it. */
export const tileStyles = css`
  :host {
    display: block;
    container-type: size;
    min-width: 0;
    min-height: 0;
  }
  figure {
    position: relative;
    width: 100%;
    height: 100%;
    margin: 0;
    overflow: hidden;
    border-radius: var(--qr-radius);
    background: var(--qr-tile);
  }
  video {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: cover;
  }
  :host([screen]) figure {
    background: #05090a;
  }
  :host([screen]) video {
    object-fit: contain;
  }
  video[data-mirrored] {
    transform: scaleX(-1);
  }
  .cover {
    position: absolute;
    inset: 0;
    display: grid;
    place-items: center;
    background: inherit;
    color: var(--qr-figure);
  }
  :host([speaking]) figure::after {
    content: '';
    position: absolute;
    inset: 0;
    border: 3px solid var(--qr-speaking);
    border-radius: inherit;
    pointer-events: none;
  }
  .paused {
    position: absolute;
    inset-inline: 3.25rem;
    top: 10px;
    margin: 0;
    color: var(--qr-text);
    font-size: 0.875rem;
    line-height: 1.35;
    text-align: center;
  }
  /* The picture may still be there. */
  .away {
    width: fit-content;
    margin-inline: auto;
    padding: 2px 10px;
    border-radius: 10px;
    background: var(--qr-shade);
    color: var(--qr-on-shade);
  }
  .cover svg {
    width: min(38%, 9rem);
    max-height: 60%;
  }
  :host([has-picture]) .cover {
    visibility: hidden;
  }
  figcaption {
    position: absolute;
    inset-inline-start: 10px;
    bottom: 10px;
    display: flex;
    align-items: center;
    gap: 6px;
    max-width: calc(100% - 40px);
    padding: 4px 10px;
    border-radius: 999px;
    background: var(--qr-shade);
    color: var(--qr-on-shade);
    font-size: 0.875rem;
    line-height: 1.4;
  }
  .name {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .note {
    flex: none;
    padding: 0 8px;
    border-radius: 999px;
    background: var(--qr-highlight);
    color: var(--qr-on-highlight);
    font-weight: 600;
  }
  .muted {
    display: grid;
    color: var(--qr-alarm);
  }
  .hand,
  .blanked {
    display: grid;
    color: var(--qr-highlight);
  }
  .compared {
    display: grid;
    color: #9fd8c8;
  }
  .reaction {
    position: absolute;
    inset-inline-end: 10px;
    top: 8px;
    max-width: 60%;
    overflow: hidden;
    font-size: clamp(1.5rem, 18cqmin, 3.5rem);
    line-height: 1.2;
    white-space: nowrap;
    animation: appear 200ms ease-out;
  }
  @keyframes appear {
    from {
      opacity: 0;
      transform: scale(0.6);
    }
  }
  @container (max-width: 11rem) {
    figcaption {
      inset-inline-start: 4px;
      bottom: 4px;
      gap: 4px;
      max-width: calc(100% - 24px);
      padding: 2px 8px;
      font-size: 0.75rem;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .reaction {
      animation: none;
    }
  }
  .pin {
    position: absolute;
    inset-inline-start: 10px;
    top: 10px;
    display: grid;
    place-items: center;
    width: 2.25rem;
    height: 2.25rem;
    padding: 0;
    border: 0;
    border-radius: 999px;
    background: var(--qr-shade);
    color: var(--qr-on-shade);
    cursor: pointer;
  }
  .pin[aria-pressed='true'] {
    background: #7fd6c2;
    color: #0d1618;
  }
  .pin:focus-visible {
    outline: 3px solid var(--qr-focus);
    outline-offset: 2px;
  }
  /* Beside the button there is no room for words. */
  @container (max-width: 16rem) {
    .paused {
      inset-inline: 8px;
      top: 3.25rem;
      font-size: 0.75rem;
    }
    figure:has(.paused) .cover svg {
      display: none;
    }
  }
  .pin svg {
    width: 1.25rem;
    height: 1.25rem;
  }
  @container (max-width: 8rem) or (max-height: 6rem) {
    .pin {
      inset-inline-start: 4px;
      top: 4px;
      width: 1.75rem;
      height: 1.75rem;
    }
    .paused {
      top: 2.125rem;
      font-size: 0.6875rem;
      line-height: 1.2;
    }
  }
  /* Between the button and the name there is no line left: beside the button it is cut short. */
  @container (max-height: 6rem) {
    .paused {
      display: -webkit-box;
      inset-inline: 2.25rem 4px;
      top: 4px;
      overflow: hidden;
      text-align: start;
      -webkit-box-orient: vertical;
      -webkit-line-clamp: 2;
    }
  }
  /* No line fits: it is still there to be read out. */
  @container (max-height: 3.5rem) {
    .paused {
      inset-inline: auto 0;
      top: 0;
      width: 1px;
      height: 1px;
      clip-path: inset(50%);
    }
  }
  .quality {
    display: grid;
    color: var(--qr-highlight);
  }
  .quality[data-level='poor'] {
    color: var(--qr-alarm);
  }
  .quality svg,
  .compared svg,
  .hand svg,
  .muted svg {
    width: 1.1rem;
    height: 1.1rem;
  }
  @media (forced-colors: active) {
    figure {
      border: 1px solid CanvasText;
    }
    :host([speaking]) figure::after {
      border: 4px solid Highlight;
    }
    .pin,
    .away,
    figcaption {
      border: 1px solid CanvasText;
    }
    .pin[aria-pressed='true'] {
      border: 3px solid Highlight;
    }
  }
`;
