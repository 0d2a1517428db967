import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { browserFamily } from '../browser/family';
import type { QuietroomError } from '../error';
import type { Messages } from '../i18n/messages';
import type { DeviceSource } from '../media/devices';
import type { MicrophoneLevel } from '../media/microphone-level';
import type { Room } from '../room/room';
import './connection-check';
import type { TestNetwork } from './connection-check';
import { renderCamera, renderMicrophone } from './controls';
import './device-picker';
import { FocusKeeper } from './focus-keeper';
import './level-meter';
import { buttonStyles } from './styles/buttons';
import { controlsStyles } from './styles/controls';
import { greenRoomStyles } from './styles/green-room';
import './tile';

/** How somebody wants to come in. */
export interface JoinRequest {
  /** May be empty. */
  readonly name: string;
  /** Whether to come in with the camera as it is; else it goes off. */
  readonly camera: boolean;
}

declare global {
  interface HTMLElementEventMap {
    'join-request': CustomEvent<JoinRequest>;
    'device-toggle': CustomEvent<DeviceSource>;
  }
}

/** Before the session: whether camera, microphone and loudspeaker work, and what to be called. */
export class GreenRoomElement extends LitElement {
  static override readonly properties = {
    messages: { attribute: false },
    room: { attribute: false },
    level: { attribute: false },
    name: {},
    camera: { type: Boolean },
    microphone: { type: Boolean },
    wanted: { attribute: false },
    problems: { attribute: false },
    asks: { attribute: false },
    test: { attribute: false },
    isSlow: { state: true },
  };

  declare messages: Messages;
  declare room: Room;
  declare level: MicrophoneLevel;
  /** What the page says that the person is called. */
  declare name: string;
  declare camera: boolean;
  declare microphone: boolean;
  /** Which devices are on or are being opened. */
  declare wanted: Readonly<Record<DeviceSource, boolean>>;
  /** What is wrong with devices. */
  declare problems: readonly QuietroomError[];
  /** The browser is going to ask, or asks, for the devices; absent where it does not tell. */
  declare asks: boolean | undefined;
  declare test: TestNetwork;
  /** The devices take long to open: where nothing else is known, the browser waits for an answer. */
  declare isSlow: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    new FocusKeeper(this, ['#title']);
    this.name = '';
    this.camera = false;
    this.microphone = false;
    this.wanted = { microphone: false, camera: false };
    this.problems = [];
    this.asks = undefined;
    this.isSlow = false;
  }

  /** Gives the keyboard to the choice of devices. */
  showDevices(): void {
    this.renderRoot.querySelector<HTMLElement>('quiet-room-devices')?.focus();
  }

  /** Its title gets the keyboard. */
  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>('#title')?.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#endWait();
  }

  protected override willUpdate(): void {
    if (!this.wanted.camera || this.camera) {
      this.#endWait();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.isSlow = true;
    }, SLOW);
  }

  protected override render(): TemplateResult {
    const { messages, camera, microphone, wanted } = this;
    return html`
      <div class="green-room">
        <h2 id="title" tabindex="-1">${messages.greenRoom}</h2>
        <section class="preview" part="preview" aria-labelledby="title">
          <quiet-room-tile
            mirrored
            data-local
            .messages=${messages}
            .label=${this.#givenName === '' ? messages.you : this.#givenName}
            .track=${this.room.localParticipant.videoTrack}
            .camera=${camera}
            .microphone=${microphone}
          ></quiet-room-tile>
          <p class="state" role="status">${this.#stateText}</p>
          <div class="controls" role="group" aria-label=${messages.controls}>
            ${renderMicrophone(wanted.microphone, this.#toggle('microphone'), messages)}
            ${renderCamera(wanted.camera, this.#toggle('camera'), messages)}
          </div>
          <quiet-room-level
            .messages=${messages}
            .source=${this.level}
            ?active=${microphone}
          ></quiet-room-level>
        </section>
        <div class="problems" role="alert">
          ${this.problems.map(({ code }) => html`<p>${this.#problemText(code)}</p>`)}
          ${this.problems.some(({ code }) => code.endsWith('-refused')) ? this.#renderHelp() : nothing}
        </div>
        <form @submit=${this.#handleSubmit}>
          <label for="name">${messages.yourName}</label>
          <input
            id="name"
            maxlength=${MAX_NAME_LENGTH}
            autocomplete="name"
            dir="auto"
            aria-describedby="who"
            .value=${this.name}
            @input=${() => {
              this.requestUpdate();
            }}
          />
          <p id="who">${messages.whoSeesName}</p>
          <div class="answers">
            <button class="primary join" part="join" type="submit">${messages.join}</button>
            ${
              wanted.camera
                ? html`<button class="without-camera" type="button" @click=${this.#handleWithout}>
                    ${messages.joinWithoutCamera}
                  </button>`
                : nothing
            }
          </div>
        </form>
        <section class="devices" aria-labelledby="devices">
          <h3 id="devices">${messages.devices}</h3>
          <quiet-room-devices
            .messages=${messages}
            .choices=${this.room.devices}
            ?allowed=${camera || microphone}
            .background=${this.room.localParticipant.backgroundBlur}
          ></quiet-room-devices>
        </section>
        <section class="connection" aria-labelledby="connection">
          <h3 id="connection">${messages.connection}</h3>
          <quiet-room-connection-check
            .messages=${messages}
            .test=${this.test}
          ></quiet-room-connection-check>
        </section>
      </div>
    `;
  }

  #renderHelp(): TemplateResult {
    const { messages } = this;
    return html`<p class="help">${messages.permissionHelp}</p>
      <ol>
        ${messages.permissionSteps[browserFamily(navigator)].map((step) => html`<li>${step}</li>`)}
      </ol>`;
  }

  #problemText(code: QuietroomError['code']): string {
    const [message, mend] = this.messages.errors[code];
    // Its mend stands below, in steps.
    return code.endsWith('-refused') ? message : `${message} ${mend}`;
  }

  #endWait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.isSlow = false;
  }

  get #stateText(): string {
    const { messages } = this;
    if (this.camera) return messages.onlyYouSee;
    if (!this.wanted.camera) return messages.cameraIsOff;
    return (this.asks ?? this.isSlow) ? messages.askingForDevices : messages.openingDevices;
  }

  get #givenName(): string {
    const input = this.renderRoot.querySelector<HTMLInputElement>('#name');
    return (input?.value ?? this.name).trim();
  }

  #toggle(source: DeviceSource): () => void {
    return () => {
      this.dispatchEvent(new CustomEvent('device-toggle', { detail: source }));
    };
  }

  readonly #handleSubmit = (event: Event): void => {
    event.preventDefault();
    this.#join(true);
  };

  readonly #handleWithout = (): void => {
    this.#join(false);
  };

  #join(camera: boolean): void {
    const detail: JoinRequest = { name: this.#givenName, camera };
    this.dispatchEvent(new CustomEvent('join-request', { detail }));
  }

  static override readonly styles = [buttonStyles, controlsStyles, greenRoomStyles];
}

/** As {@link Room.join} takes it. */
const MAX_NAME_LENGTH = 80;
/** In ms. */
const SLOW = 800;

customElements.define('quiet-room-green-room', GreenRoomElement);
