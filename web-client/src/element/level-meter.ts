import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import type { MicrophoneLevel } from '../media/microphone-level';

/** A bar that moves with the own voice, and says in words that there is one. */
export class LevelMeterElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    source: { attribute: false },
    active: { type: Boolean },
    isHeard: { state: true },
  };

  declare messages: Messages;
  declare source: MicrophoneLevel | undefined;
  /** The microphone is on. */
  declare active: boolean;
  declare isHeard: boolean;
  #stop: (() => void) | undefined;
  #shown = 0;

  constructor() {
    super();
    this.active = false;
    this.isHeard = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('source')) this.#listen();
    if (changed.has('active') && !this.active) {
      this.isHeard = false;
      this.#show(0);
    }
  }

  protected override render(): TemplateResult {
    const { messages } = this;
    const said = this.isHeard ? messages.heard : messages.saySomething;
    return html`
      <div class="bar" aria-hidden="true"><div class="level"></div></div>
      <p role="status">${this.active ? said : messages.microphoneOff}</p>
    `;
  }

  #listen(): void {
    this.#stop?.();
    this.#stop = this.source?.on('level', (peak) => {
      if (!this.active) return;
      if (peak >= AUDIBLE) this.isHeard = true;
      // It falls slower than it rises, so that the eye can follow.
      this.#show(Math.max(share(peak), this.#shown * FALLING));
    });
  }

  /** Not by a render: it moves some times a second. */
  #show(value: number): void {
    this.#shown = value;
    const level = this.renderRoot.querySelector<HTMLElement>('.level');
    if (level !== null) level.style.transform = `scaleX(${value.toFixed(3)})`;
  }

  static override readonly styles = css`
    :host {
      display: grid;
      gap: 4px;
    }
    .bar {
      height: 10px;
      overflow: hidden;
      border: 1px solid var(--qr-field-border);
      border-radius: 999px;
    }
    .level {
      height: 100%;
      background: var(--qr-accent);
      transform: scaleX(0);
      transform-origin: left;
    }
    .level:dir(rtl) {
      transform-origin: right;
    }
    p {
      margin: 0;
      color: var(--qr-muted-text);
      font-size: 0.875rem;
    }
    @media (forced-colors: active) {
      .level {
        background: Highlight;
        forced-color-adjust: none;
      }
    }
  `;
}

/** Of the bar, for a peak of 0 to 1: its decibels above the quietest that is shown. */
function share(peak: number): number {
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(Math.max(peak, 1e-9))) / RANGE));
}

/** In dB. */
const RANGE = 54;
/** A peak that only a voice or a knock has. */
const AUDIBLE = 0.03;
const FALLING = 0.82;

customElements.define('quiet-room-level', LevelMeterElement);
