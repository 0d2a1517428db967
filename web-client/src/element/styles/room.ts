import { css } from 'lit';
import { buttonStyles } from './buttons';
import { controlsStyles } from './controls';
import { doorStyles } from './door';
import { sidePanelStyles } from './panel';
import { pictureStyles } from './pictures';
import { themeStyles } from './theme';
import { wordStyles } from './words';

const hostStyles = css`
  :host {
    display: block;
    container-type: inline-size;
    /* What a page gives it counts before these. */
    height: 80vh;
    height: 80dvh;
    min-height: 20rem;
    background: var(--qr-background);
    color: var(--qr-text);
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
  @container (max-width: 46rem) {
    .room {
      gap: 8px;
      padding: 8px;
    }
  }
`;

/**
 * The look of `<quiet-room>`, by the element's own width. Contrasts are 4.5:1
 * at least (WCAG 2.2 AA) as long as the theme's colours allow.
 */
export const roomStyles = [
  themeStyles,
  hostStyles,
  pictureStyles,
  sidePanelStyles,
  wordStyles,
  doorStyles,
  buttonStyles,
  controlsStyles,
];
