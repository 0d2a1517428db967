import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { MAX_CHAT_LENGTH } from '../e2ee/worker/mls/application';
import type { ChatLine } from './conversation';
import { timeOfDay } from '../i18n/formats';
import type { Messages } from '../i18n/messages';
import { FocusKeeper } from './focus-keeper';
import * as icons from './icons';
import { panelStyles } from './panel';

declare global {
  interface HTMLElementEventMap {
    /** Somebody pressed "Send"; the text is not empty. Cancelled, it stays to be written on. */
    'chat-send': CustomEvent<string>;
  }
}

/** What was written, and a place to write. */
export class ChatElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    lines: { attribute: false },
    disabled: { type: Boolean },
    away: { type: Boolean },
  };

  declare messages: Messages;
  declare lines: readonly ChatLine[];
  /** Nothing can be sent just now; one may go on writing. */
  declare disabled: boolean;
  /** The same, until the connection is back, which is said. */
  declare away: boolean;
  #isAtEnd = true;

  constructor() {
    super();
    new FocusKeeper(this, ['textarea']);
    this.lines = [];
    this.disabled = false;
    this.away = false;
  }

  /** The place to write gets the keyboard. */
  override focus(): void {
    this.renderRoot.querySelector('textarea')?.focus();
  }

  protected override willUpdate(): void {
    const log = this.renderRoot.querySelector('.log');
    // Who reads further up is not torn away from there.
    if (log !== null) {
      this.#isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
    }
  }

  protected override updated(changed: PropertyValues<this>): void {
    const log = this.renderRoot.querySelector('.log');
    const isOwn = this.lines.at(-1)?.isOwn ?? false;
    if (log !== null && changed.has('lines') && (this.#isAtEnd || isOwn)) {
      log.scrollTop = log.scrollHeight;
    }
  }

  protected override render(): TemplateResult {
    const { messages, lines } = this;
    return html`
      <div class="log scroll" role="log" tabindex="0" aria-label=${messages.chat}>
        ${
          lines.length === 0
            ? html`<p class="empty">${messages.chatEmpty}</p>`
            : lines.map((line) => this.#renderLine(line))
        }
      </div>
      <form @submit=${this.#handleSubmit}>
        <div role="status">
          ${this.away ? html`<p id="away">${messages.awayWriting}</p>` : nothing}
        </div>
        <textarea
          rows="2"
          maxlength=${MAX_CHAT_LENGTH}
          aria-label=${messages.chatWrite}
          placeholder=${messages.chatWrite}
          @keydown=${this.#handleKey}
        ></textarea>
        <button
          type="submit"
          aria-label=${messages.chatSend}
          ?disabled=${this.disabled}
          aria-disabled=${this.away ? 'true' : nothing}
          aria-describedby=${this.away ? 'away' : nothing}
        >
          ${icons.send}
        </button>
      </form>
    `;
  }

  #renderLine({ id, writer, isOwn, text, at }: ChatLine): TemplateResult {
    const time = new Date(at);
    return html`<div class=${isOwn ? 'line own' : 'line'} data-line=${id}>
      <p class="head">
        <span class="writer">${isOwn ? this.messages.you : writer}</span>
        <time datetime=${time.toISOString()}>${timeOfDay(time, this.messages.language)}</time>
      </p>
      <p class="text" dir="auto">${text === '' ? nothing : text}</p>
    </div>`;
  }

  readonly #handleSubmit = (submit: Event): void => {
    submit.preventDefault();
    const field = this.renderRoot.querySelector('textarea');
    const text = field?.value.trim() ?? '';
    if (field === null || text === '' || this.disabled || this.away) return;
    const event = new CustomEvent('chat-send', { detail: text, cancelable: true });
    if (this.dispatchEvent(event)) field.value = '';
  };

  /** Enter sends, with Shift it is a new line; while a word is being composed it is neither. */
  readonly #handleKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    this.#handleSubmit(event);
  };

  static override readonly styles = [
    panelStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 10px;
        min-height: 0;
      }
      .log {
        flex: 1;
        display: flex;
        flex-direction: column;
        gap: 8px;
      }
      .empty {
        margin: auto;
        color: var(--qr-muted-text);
        text-align: center;
      }
      .line {
        align-self: flex-start;
        max-width: 88%;
        padding: 6px 12px;
        border-radius: 12px;
        background: var(--qr-control);
      }
      .line.own {
        align-self: flex-end;
        background: var(--qr-active);
      }
      .line p {
        margin: 0;
      }
      .head {
        display: flex;
        gap: 8px;
        color: var(--qr-muted-text);
        font-size: 0.8125rem;
      }
      .writer {
        overflow: hidden;
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .text {
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 0 8px;
      }
      [role='status'] {
        flex: 1 0 100%;
      }
      #away {
        margin: 0 0 8px;
        font-size: 0.875rem;
      }
      textarea {
        box-sizing: border-box;
        flex: 1;
        min-width: 0;
        min-height: 48px;
        padding: 8px 12px;
        border: 1px solid var(--qr-field-border);
        border-radius: 12px;
        background: var(--qr-background);
        color: inherit;
        font: inherit;
        resize: none;
      }
      textarea::placeholder {
        color: var(--qr-muted-text);
        opacity: 1;
      }
      @media (forced-colors: active) {
        textarea,
        textarea::placeholder {
          color: FieldText;
        }
      }
      button {
        display: grid;
        place-items: center;
        width: 48px;
        border: 0;
        border-radius: 12px;
        background: var(--qr-accent);
        color: var(--qr-accent-text);
        cursor: pointer;
      }
      button:hover {
        background: var(--qr-accent-hover);
      }
      button:disabled,
      button[aria-disabled='true'] {
        background: var(--qr-border);
        cursor: default;
      }
      svg {
        width: 1.4rem;
        height: 1.4rem;
      }
      :host(:dir(rtl)) svg {
        transform: scaleX(-1);
      }
    `,
  ];
}

/** In px. */
const NEAR_END = 40;

customElements.define('quiet-room-chat', ChatElement);
