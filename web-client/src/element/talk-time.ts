import { css, html, LitElement, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';

/** How much of what was said somebody said, as roughly as it is told. */
export type RoughShare =
  | 'hardly-any'
  | 'little'
  | 'quarter'
  | 'third'
  | 'half'
  | 'two-thirds'
  | 'three-quarters'
  | 'nearly-all';

/** Somebody's line in the balance. */
export interface TalkEntry {
  readonly label: string;
  /** From 0 to 1. */
  readonly share: number;
}

/**
 * How the talk is shared out, for those who lead the session. It is closed until
 * somebody wants to see it, gives no numbers, and judges nobody.
 */
export class TalkTimeElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    read: { attribute: false },
  };

  declare messages: Messages;
  /** Those who are there, in the order of the list; absent while too little was said. */
  declare read: () => readonly TalkEntry[] | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      this.requestUpdate();
    }, INTERVAL);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override render(): TemplateResult {
    const { messages } = this;
    const entries = this.read();
    return html`<details>
      <summary>${messages.talkTime}</summary>
      <p class="advice">${messages.talkTimeAdvice}</p>
      ${
        entries === undefined
          ? html`<p class="pending">${messages.talkTimePending}</p>`
          : this.#renderTable(entries)
      }
    </details>`;
  }

  #renderTable(entries: readonly TalkEntry[]): TemplateResult {
    const { messages } = this;
    return html`<table aria-label=${messages.talkTime}>
      <tbody>
        ${entries.map(({ label, share }) => {
          const rough = roughShare(share);
          return html`<tr>
            <th scope="row" dir="auto">${label}</th>
            <td>
              <progress aria-hidden="true" max="1" .value=${BARS[rough]}></progress>
              <span class="share">${messages.talkShares[rough]}</span>
            </td>
          </tr>`;
        })}
      </tbody>
    </table>`;
  }

  static override readonly styles = css`
    :host {
      display: block;
      margin-top: 16px;
    }
    details {
      padding: 4px 14px;
      border-radius: 12px;
      background: var(--qr-background);
    }
    summary {
      min-height: 44px;
      line-height: 44px;
      font-weight: 600;
      cursor: pointer;
    }
    summary:focus-visible {
      outline: 3px solid var(--qr-focus);
      outline-offset: 2px;
      border-radius: 10px;
    }
    p {
      margin: 0 0 8px;
      color: var(--qr-muted-text);
      font-size: 0.875rem;
    }
    table {
      width: 100%;
      margin-bottom: 8px;
      border-collapse: collapse;
      font-size: 0.9375rem;
      table-layout: fixed;
    }
    th,
    td {
      padding: 6px 0;
      overflow-wrap: anywhere;
      font-weight: 400;
      line-height: 1.3;
      text-align: start;
      vertical-align: top;
    }
    th {
      padding-inline-end: 12px;
    }
    .share {
      color: var(--qr-muted-text);
      font-size: 0.8125rem;
    }
    progress {
      display: block;
      box-sizing: border-box;
      width: 100%;
      height: 10px;
      margin: 5px 0 2px;
      overflow: hidden;
      border: 1px solid var(--qr-field-border);
      border-radius: 999px;
      background: none;
      appearance: none;
    }
    progress::-webkit-progress-bar {
      background: none;
    }
    progress::-webkit-progress-value {
      background: var(--qr-muted-text);
    }
    progress::-moz-progress-bar {
      background: var(--qr-muted-text);
    }
    @media (forced-colors: active) {
      progress {
        forced-color-adjust: none;
        border-color: CanvasText;
      }
      progress::-webkit-progress-value {
        background: Highlight;
      }
      progress::-moz-progress-bar {
        background: Highlight;
      }
    }
  `;
}

/** The word for a share of 0 to 1. */
export function roughShare(share: number): RoughShare {
  return BOUNDS.find(([bound]) => share < bound)?.[1] ?? 'nearly-all';
}

/** Each word ends half-way to the next. */
const BOUNDS: readonly (readonly [number, RoughShare])[] = [
  [0.05, 'hardly-any'],
  [0.18, 'little'],
  [0.29, 'quarter'],
  [0.42, 'third'],
  [0.58, 'half'],
  [0.71, 'two-thirds'],
  [0.86, 'three-quarters'],
];

/** The bar says no more than the word. */
const BARS: Readonly<Record<RoughShare, number>> = {
  'hardly-any': 0.02,
  little: 0.12,
  quarter: 0.25,
  third: 0.33,
  half: 0.5,
  'two-thirds': 0.67,
  'three-quarters': 0.75,
  'nearly-all': 0.96,
};

/** In ms; a glance, no meter to steer by. */
const INTERVAL = 5000;

customElements.define('quiet-room-talk-time', TalkTimeElement);
