import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { toQuietroomError } from '../error';
import { AudioPlayback } from '../media/autoplay';
import type { RoomOptions } from '../room/options';
import { Room } from '../room/room';
import './confirmation';
import type { ConfirmationElement } from './confirmation';
import type { ControlsActions, Panel } from './controls';
import type { DoorActions } from './door';
import { gridLayout, pinnedLayout } from './grid';
import { english, type Messages } from './i18n';
import { actOnPerson, actOnSession } from './powers';
import { Session } from './session';
import type { SidePanelActions } from './side-panel';
import { renderStage, type StageActions } from './stages';
import { roomStyles } from './styles';

/**
 * `<quiet-room token-url="…">`: a whole session. It makes a key for this
 * browser, gets a token for that key from the clinic's backend, and joins as
 * soon as it is in the page; it leaves when it is taken out or gets another
 * address. With `token` in place of `token-url` it joins with that one.
 *
 * Attributes: `token-url`, `token`; `name`, which only members of the room see; `url` and
 * `worker-url` as in {@link RoomOptions}.
 */
export class QuietRoomElement extends LitElement {
  static override readonly properties = {
    token: {},
    tokenUrl: { attribute: 'token-url' },
    name: {},
    url: {},
    workerUrl: { attribute: 'worker-url' },
  };
  static override readonly styles = roomStyles;

  declare token: string | null;
  declare tokenUrl: string | null;
  declare name: string | null;
  declare url: string | null;
  declare workerUrl: string | null;
  readonly #messages: Messages = english;
  readonly #voices = document.createElement('div');
  readonly #session = new Session(new AudioPlayback(this.#voices), this.#messages, {
    openPanel: (panel) => {
      this.#openPanel(panel);
    },
    turnOn: (source) => {
      if (source === 'microphone') this.#handleMicrophone();
      else this.#handleCamera();
    },
  });
  readonly #size = new ResizeObserver(() => {
    this.#layOut();
  });

  readonly #controlsActions: ControlsActions = {
    toggleMicrophone: () => {
      this.#handleMicrophone();
    },
    toggleCamera: () => {
      this.#handleCamera();
    },
    toggleScreen: () => {
      this.#handleScreen();
    },
    toggleAudioOnly: () => {
      const { room } = this;
      room?.setAudioOnly(room.audioOnly !== 'chosen');
    },
    toggleHand: () => {
      const { room } = this;
      room?.setHandRaised(!room.localParticipant.handRaised);
    },
    toggleReactions: () => {
      this.#session.setReactionsOpen(!this.#session.areReactionsOpen);
      if (this.#session.areReactionsOpen) this.#focus('.reactions button');
    },
    react: (reaction) => {
      this.room?.react(reaction);
      this.#closeReactions();
    },
    togglePanel: (panel) => {
      this.#openPanel(this.#session.panel === panel ? undefined : panel);
    },
    leave: () => {
      this.room?.leave();
      this.#focus('.rejoin');
    },
  };

  readonly #doorActions: DoorActions = {
    toggleMicrophone: this.#controlsActions.toggleMicrophone,
    toggleCamera: this.#controlsActions.toggleCamera,
    accept: () => {
      this.room?.rules.acceptConsent();
    },
    leave: this.#controlsActions.leave,
  };

  readonly #panelActions: SidePanelActions = {
    close: () => {
      this.#openPanel(undefined);
    },
    handleKey: (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.#openPanel(undefined);
    },
    handleChatSend: (event) => {
      try {
        this.room?.sendChat(event.detail);
      } catch (reason) {
        event.preventDefault();
        this.#session.notices.note(toQuietroomError(reason, 'text-too-long'));
      }
    },
    handleCompared: ({ detail }) => {
      this.#session.setCompared(detail);
    },
    handlePersonRequest: ({ detail: { participantId, action } }) => {
      if (this.room === undefined) return;
      const name = this.#session.nameOfId(participantId);
      actOnPerson(this.room, participantId, action, name, this.#asking);
    },
    handlePowerRequest: ({ detail }) => {
      if (this.room !== undefined) actOnSession(this.room, detail, this.#asking);
    },
    handleEmergency: ({ detail }) => {
      this.room?.setEmergencyInformation(detail);
      this.requestUpdate();
    },
  };

  readonly #stageActions: StageActions = {
    door: this.#doorActions,
    controls: this.#controlsActions,
    panel: this.#panelActions,
    hear: () => {
      void this.#session.playback.resume();
      this.#focus('.microphone');
    },
    rejoin: () => {
      this.#join();
      this.#focus('.microphone');
    },
  };

  constructor() {
    super();
    this.token = null;
    this.tokenUrl = null;
    this.name = null;
    this.url = null;
    this.workerUrl = null;
    this.#voices.hidden = true;
    this.#session.on('changed', () => {
      this.requestUpdate();
    });
    this.#session.on('consentRequired', () => {
      this.#focus('#door-title');
    });
  }

  /** The present or last stay; another one after "Join again". */
  get room(): Room | undefined {
    return this.#session.room;
  }

  /** Where rooms come from; a test may give another one. @internal */
  createRoom(options: RoomOptions): Room {
    return new Room(options);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#size.observe(this);
    for (const sign of SIGNS_OF_LIFE) addEventListener(sign, this.#handleActivity, PASSIVE);
    if (this.hasUpdated) this.#join();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size.disconnect();
    for (const sign of SIGNS_OF_LIFE) removeEventListener(sign, this.#handleActivity, PASSIVE);
    this.#session.end();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (JOINING.some((name) => changed.has(name))) this.#join();
  }

  protected override updated(): void {
    this.#layOut();
  }

  protected override render(): TemplateResult {
    const { room } = this;
    return html`
      <div class="room" @keydown=${this.#handleKey}>
        ${room === undefined ? nothing : renderStage(room, this.#session, this.#stageActions)}
      </div>
      <quiet-room-confirmation .messages=${this.#messages}></quiet-room-confirmation>
      ${this.#voices}
    `;
  }

  #join(): void {
    this.#session.end();
    const tokenUrl = this.tokenUrl ?? '';
    const token = this.token ?? '';
    if (!this.isConnected || (tokenUrl === '' && token === '')) return;
    const room = this.createRoom({
      url: this.url ?? undefined,
      workerUrl: this.workerUrl ?? undefined,
    });
    this.#session.begin(room);
    // What went wrong is shown by the room's state.
    const name = this.name ?? undefined;
    const joining = tokenUrl === '' ? room.join(token, { name }) : room.joinBy(tokenUrl, { name });
    joining.catch(() => undefined);
  }

  readonly #handleActivity = (): void => {
    const { room } = this;
    if (room?.state !== 'connected') return;
    room.rules.reportActivity();
    // Not at once: the press may be meant for the very button.
    const { prompts } = this.#session;
    if (prompts.has('inactivity')) {
      setTimeout(() => {
        prompts.dismiss('inactivity');
      }, ACTIVITY_NOTED);
    }
  };

  get #asking(): { confirmation: ConfirmationElement; messages: Messages } {
    const confirmation = this.renderRoot.querySelector('quiet-room-confirmation');
    return { confirmation: confirmation as ConfirmationElement, messages: this.#messages };
  }

  #handleMicrophone(): void {
    const { localParticipant } = this.room ?? {};
    if (localParticipant === undefined) return;
    this.#session.notices.delete('microphone');
    this.#try(localParticipant.setMicrophoneEnabled(!localParticipant.microphoneEnabled));
  }

  #handleCamera(): void {
    const { localParticipant } = this.room ?? {};
    if (localParticipant === undefined) return;
    this.#session.notices.delete('camera');
    this.#try(localParticipant.setCameraEnabled(!localParticipant.cameraEnabled));
  }

  #handleScreen(): void {
    const { room } = this;
    if (room === undefined) return;
    this.#session.notices.delete('screen');
    this.#try(room.localParticipant.isSharingScreen ? room.stopScreenShare() : room.shareScreen());
  }

  #try(change: Promise<void>): void {
    this.requestUpdate();
    change.catch((reason: unknown) => {
      this.#session.notices.note(toQuietroomError(reason, 'internal'));
    });
  }

  readonly #handleKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && this.#session.areReactionsOpen) this.#closeReactions();
  };

  #openPanel(panel: Panel | undefined): void {
    const former = this.#session.panel;
    this.#session.setPanel(panel);
    if (panel === 'chat') this.#focus('quiet-room-chat');
    else if (panel === 'people') this.#focus('.panel .close');
    else this.#focus(`.${former ?? 'chat'}-toggle`);
  }

  #closeReactions(): void {
    this.#session.setReactionsOpen(false);
    this.#focus('.react');
  }

  /** A pressed button that goes away must not drop a keyboard user at the page's top. */
  #focus(selector: string): void {
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>(selector)?.focus();
    });
  }

  #layOut(): void {
    const grid = this.renderRoot.querySelector<HTMLElement>('.grid');
    if (grid === null) return;
    const gap = parseFloat(getComputedStyle(grid).columnGap) || 0;
    const { childElementCount: count, clientWidth: width, clientHeight: height } = grid;
    // Beside a shared screen nobody is shown large.
    const isSharing = grid.parentElement?.classList.contains('sharing') === true;
    const isPinned = !isSharing && grid.querySelector('.pinned') !== null;
    const { tile, pinned } = isPinned
      ? pinnedLayout(count, width, height, gap)
      : { tile: gridLayout(count, width, height, gap), pinned: undefined };
    const set = (name: string, value: number): void => {
      grid.style.setProperty(name, `${value}px`);
    };
    set('--tile-width', tile.tileWidth);
    set('--tile-height', tile.tileHeight);
    set('--pinned-width', (pinned ?? tile).tileWidth);
    set('--pinned-height', (pinned ?? tile).tileHeight);
  }
}

/** What another stay begins with. */
const JOINING = ['token', 'tokenUrl', 'url', 'workerUrl'] as const;

/** From a sign of life until the question for one goes away, in ms. */
const ACTIVITY_NOTED = 2000;

/** What a person does who is there. */
const SIGNS_OF_LIFE = ['keydown', 'pointerdown', 'pointermove'] as const;

const PASSIVE = { capture: true, passive: true };

// Last: elements that are in the page already connect at once.
customElements.define('quiet-room', QuietRoomElement);

declare global {
  interface HTMLElementTagNameMap {
    'quiet-room': QuietRoomElement;
  }
}
