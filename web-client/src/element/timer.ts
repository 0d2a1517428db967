import { css, html, LitElement, type TemplateResult } from 'lit';
import type { Messages } from '../i18n/messages';
import type { SessionTime } from './session-time';

/** For how long the person has been in the session. Nothing says it aloud unasked. */
export class TimerElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    time: { attribute: false },
  };

  declare messages: Messages;
  declare time: SessionTime;
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => {
      this.requestUpdate();
    }, SECOND);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override render(): TemplateResult {
    const text = clock(this.time.elapsed ?? 0);
    return html`<span role="timer" aria-label="${this.messages.timer} ${text}">${text}</span>`;
  }

  static override readonly styles = css`
    :host {
      font-variant-numeric: tabular-nums;
    }
  `;
}

/** `4:07`, `1:00:00`. */
export function clock(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / SECOND));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours === 0
    ? `${minutes}:${two(seconds % 60)}`
    : `${hours}:${two(minutes)}:${two(seconds % 60)}`;
}

/** In ms. */
const SECOND = 1000;

customElements.define('quiet-room-timer', TimerElement);
