import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import type { Messages } from '../i18n/messages';
import { AudioPlayback } from '../media/autoplay';
import type { BackgroundBlur } from '../media/background-blur';
import { playChime } from '../media/chime';
import type { Device, DeviceChoices, DeviceKind } from '../media/device-choices';
import { FocusKeeper } from './focus-keeper';
import * as icons from './icons';
import { buttonStyles } from './styles/buttons';

/** Which microphone, camera and loudspeaker are used, and a sound to try the last. */
export class DevicePickerElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    choices: { attribute: false },
    allowed: { type: Boolean },
    background: { attribute: false },
    devices: { state: true },
    chosen: { state: true },
    isTested: { state: true },
  };

  declare messages: Messages;
  declare choices: DeviceChoices | undefined;
  /** A device is open: from then on browsers name all of them. */
  declare allowed: boolean;
  /** Of the camera that is open. */
  declare background: BackgroundBlur | undefined;
  declare devices: readonly Device[];
  declare chosen: Partial<Record<DeviceKind, string | undefined>>;
  declare isTested: boolean;
  #stop: (() => void) | undefined;
  #isPlaying = false;

  constructor() {
    super();
    new FocusKeeper(this, ['select']);
    this.allowed = false;
    this.devices = [];
    this.chosen = {};
    this.isTested = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
  }

  /** Gives the keyboard to the first choice. */
  override focus(): void {
    this.renderRoot.querySelector('select')?.focus();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('choices')) this.#follow();
    else if (changed.has('allowed')) void this.#look();
  }

  protected override render(): TemplateResult {
    const { messages, isTested } = this;
    return html`
      ${KINDS.map((kind) => this.#renderKind(kind))} ${this.#renderBlur()}
      <div class="test">
        <button type="button" class="chime" @click=${this.#handleTest}>
          ${icons.speaker}${messages.testSpeaker}
        </button>
        <p role="status">${isTested ? messages.speakerTested : nothing}</p>
      </div>
      <audio hidden></audio>
    `;
  }

  #renderKind(kind: DeviceKind): TemplateResult | typeof nothing {
    if (kind === 'speaker' && !AudioPlayback.canChooseSpeaker) return nothing;
    const { messages, chosen } = this;
    const devices = this.devices.filter((device) => device.kind === kind);
    return html`<label for=${kind}>${messages.deviceKinds[kind]}</label>
      <select
        id=${kind}
        @change=${(event: Event) => {
          this.#choose(kind, (event.target as HTMLSelectElement).value);
        }}
      >
        <option value="" ?selected=${chosen[kind] === undefined}>${messages.defaultDevice}</option>
        ${devices.map(
          ({ id, label }, index) =>
            html`<option value=${id} ?selected=${chosen[kind] === id}>
              ${label === '' ? messages.unnamedDevice(messages.deviceKinds[kind], index + 1) : label}
            </option>`,
        )}
      </select>`;
  }

  /** Nothing where the computer knows nothing of it. */
  #renderBlur(): TemplateResult | typeof nothing {
    const { messages, background: blur } = this;
    if (blur?.canChange === true) {
      return html`<label class="blur"
        ><input
          type="checkbox"
          .checked=${live(blur.isOn)}
          @change=${(event: Event) => {
            this.choices?.setBackgroundBlur((event.target as HTMLInputElement).checked);
          }}
        />${messages.blurBackground}</label
      >`;
    }
    return blur?.isOn === true ? html`<p class="blur">${messages.backgroundBlurred}</p>` : nothing;
  }

  #follow(): void {
    this.#stop?.();
    const { choices } = this;
    if (choices === undefined) return;
    const stops = [
      choices.onDeviceChange(() => void this.#look()),
      choices.on('chosen', () => void this.#look()),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
    void this.#look();
  }

  async #look(): Promise<void> {
    const { choices } = this;
    if (choices === undefined) return;
    const [devices, ...found] = await Promise.all([
      choices.list(),
      ...KINDS.map((kind) => choices.find(kind)),
    ]);
    this.devices = devices;
    this.chosen = Object.fromEntries(KINDS.map((kind, index) => [kind, found[index]]));
  }

  #choose(kind: DeviceKind, id: string): void {
    this.isTested = false;
    const device = this.devices.find((one) => one.kind === kind && one.id === id);
    this.choices?.choose(kind, device);
  }

  readonly #handleTest = (): void => {
    const element = this.renderRoot.querySelector('audio');
    if (element === null || this.#isPlaying) return;
    this.#isPlaying = true;
    this.isTested = false;
    playChime(element, this.chosen.speaker)
      // A computer without any loudspeaker plays nothing, which the question finds out.
      .catch(() => undefined)
      .finally(() => {
        this.#isPlaying = false;
        this.isTested = true;
      });
  };

  static override readonly styles = [
    buttonStyles,
    css`
      :host {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        align-items: center;
        gap: 8px 12px;
        text-align: start;
      }
      label {
        font-size: 0.9375rem;
      }
      select {
        box-sizing: border-box;
        width: 100%;
        min-width: 0;
        min-height: 44px;
        padding: 6px 10px;
        border: 1px solid var(--qr-field-border);
        border-radius: 10px;
        background: var(--qr-surface);
        color: var(--qr-text);
        font: inherit;
        text-overflow: ellipsis;
      }
      option {
        background: var(--qr-background);
        color: var(--qr-text);
      }
      select:focus-visible {
        outline: 3px solid var(--qr-focus);
        outline-offset: 2px;
      }
      .blur {
        grid-column: 1 / -1;
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 44px;
        margin: 0;
        font-size: 0.9375rem;
      }
      label.blur {
        cursor: pointer;
      }
      .blur input {
        flex: none;
        width: 1.25rem;
        height: 1.25rem;
        margin: 0;
        accent-color: var(--qr-accent);
      }
      .blur input:focus-visible {
        outline: 3px solid var(--qr-focus);
        outline-offset: 2px;
      }
      .test {
        grid-column: 1 / -1;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 12px;
      }
      .test button {
        min-height: 44px;
        padding: 4px 16px;
      }
      .test p {
        flex: 1 1 12rem;
        min-height: 4.2em;
        margin: 0;
        color: var(--qr-muted-text);
        font-size: 0.875rem;
      }
    `,
  ];
}

const KINDS: readonly DeviceKind[] = ['microphone', 'camera', 'speaker'];

customElements.define('quiet-room-devices', DevicePickerElement);
