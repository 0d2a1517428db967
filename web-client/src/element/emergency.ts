import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { EmergencyInformation } from '../room/participant';
import type { Messages } from '../i18n/messages';

declare global {
  interface HTMLElementEventMap {
    /** Somebody said where they are and whom to call. */
    'emergency-change': CustomEvent<EmergencyInformation>;
  }
}

/** Where a client tells those who lead the session where help would have to go. */
export class EmergencyElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    given: { attribute: false },
    disabled: { type: Boolean },
    away: { type: Boolean },
  };

  declare messages: Messages;
  /** What was told last; absent before. */
  declare given: EmergencyInformation | undefined;
  declare disabled: boolean;
  /** It would reach nobody until the connection is back. */
  declare away: boolean;

  constructor() {
    super();
    this.disabled = false;
    this.away = false;
  }

  protected override render(): TemplateResult {
    const { messages, given } = this;
    return html`<form @submit=${this.#handleSubmit} aria-labelledby="title">
      <h3 id="title">${messages.emergency}</h3>
      <p>${messages.emergencyAdvice}</p>
      <label
        >${messages.emergencyPlace}
        <input
          name="place"
          maxlength=${MAX_LENGTH}
          autocomplete="off"
          .value=${given?.place ?? ''}
        />
      </label>
      <label
        >${messages.emergencyContact}
        <input
          name="contact"
          maxlength=${MAX_LENGTH}
          autocomplete="off"
          .value=${given?.contact ?? ''}
        />
      </label>
      <button
        type="submit"
        ?disabled=${this.disabled}
        aria-disabled=${this.away ? 'true' : nothing}
        aria-describedby=${this.away ? 'away' : nothing}
      >
        ${messages.emergencyTell}
      </button>
      <div role="status">
        ${this.away ? html`<p id="away">${messages.awayWriting}</p>` : nothing}
        ${given === undefined ? nothing : html`<p class="told">${messages.emergencyTold}</p>`}
      </div>
    </form>`;
  }

  readonly #handleSubmit = (event: Event): void => {
    event.preventDefault();
    if (this.disabled || this.away) return;
    const value = (name: string): string =>
      this.renderRoot.querySelector<HTMLInputElement>(`[name=${name}]`)?.value.trim() ?? '';
    const detail = { place: value('place'), contact: value('contact') };
    this.dispatchEvent(new CustomEvent('emergency-change', { detail }));
  };

  static override readonly styles = css`
    form {
      display: grid;
      gap: 8px;
      margin-top: 16px;
      padding: 12px 14px;
      border-radius: 12px;
      background: var(--qr-background);
    }
    h3,
    p {
      margin: 0;
    }
    h3 {
      font-size: 1rem;
      font-weight: 600;
    }
    p {
      color: var(--qr-muted-text);
      font-size: 0.875rem;
    }
    .told {
      color: var(--qr-accent);
    }
    label {
      display: grid;
      gap: 2px;
      font-size: 0.875rem;
    }
    input {
      box-sizing: border-box;
      width: 100%;
      min-height: 44px;
      padding: 6px 12px;
      border: 1px solid var(--qr-field-border);
      border-radius: 10px;
      background: var(--qr-surface);
      color: inherit;
      font: inherit;
    }
    button {
      justify-self: start;
      min-height: 44px;
      padding: 6px 18px;
      border: 1px solid var(--qr-accent);
      border-radius: 999px;
      background: var(--qr-accent);
      color: var(--qr-accent-text);
      font: inherit;
      font-weight: 600;
      cursor: pointer;
    }
    button:disabled,
    button[aria-disabled='true'] {
      border-color: var(--qr-border);
      background: var(--qr-border);
    }
    :focus-visible {
      outline: 3px solid var(--qr-focus);
      outline-offset: 2px;
    }
  `;
}

/** As {@link Room.setEmergencyInformation} takes it. */
const MAX_LENGTH = 200;

customElements.define('quiet-room-emergency', EmergencyElement);
