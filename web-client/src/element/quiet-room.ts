import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { toQuietroomError, type QuietroomError } from '../error';
import { AudioPlayback } from '../media/autoplay';
import { Room, type RoomOptions } from '../room/room';
import { gridLayout } from './grid';
import { english, type Messages } from './i18n';
import * as icons from './icons';
import { participantName } from './names';
import './safety';
import type { SafetyEntry } from './safety';
import { roomStyles } from './styles';
import './tile';

/**
 * `<quiet-room token="…">`: a whole session. It joins as soon as it has a
 * token and is in the page, and leaves when it is taken out or gets another.
 *
 * Attributes: `token`; `name`, which only members of the room see; `url` and
 * `worker-url` as in {@link RoomOptions}.
 */
export class QuietRoomElement extends LitElement {
  static override readonly properties = {
    token: {},
    name: {},
    url: {},
    workerUrl: { attribute: 'worker-url' },
  };
  static override readonly styles = roomStyles;

  declare token: string | null;
  declare name: string | null;
  declare url: string | null;
  declare workerUrl: string | null;
  readonly #messages: Messages = english;
  readonly #voices = document.createElement('div');
  readonly #playback = new AudioPlayback(this.#voices);
  readonly #size = new ResizeObserver(() => {
    this.#layOut();
  });
  #room: Room | undefined;
  /** What does not work just now, by what it is about. */
  readonly #notices = new Map<string, QuietroomError>();

  constructor() {
    super();
    this.token = null;
    this.name = null;
    this.url = null;
    this.workerUrl = null;
    this.#voices.hidden = true;
    this.#playback.on('blockedChanged', () => {
      this.requestUpdate();
    });
  }

  /** The present or last stay; another one after "Join again". */
  get room(): Room | undefined {
    return this.#room;
  }

  /** Where rooms come from; a test may give another one. @internal */
  createRoom(options: RoomOptions): Room {
    return new Room(options);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#size.observe(this);
    if (this.hasUpdated) this.#join();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size.disconnect();
    this.#leave();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('token') || changed.has('url') || changed.has('workerUrl')) this.#join();
  }

  protected override updated(): void {
    this.#layOut();
  }

  protected override render(): TemplateResult {
    const room = this.#room;
    return html`
      <div class="room">
        ${
          room === undefined
            ? nothing
            : room.state === 'disconnected'
              ? this.#renderEnd(room)
              : this.#renderRoom(room)
        }
      </div>
      ${this.#voices}
    `;
  }

  #renderRoom(room: Room): TemplateResult {
    const messages = this.#messages;
    const { localParticipant, participants } = room;
    return html`
      <ul class="grid" aria-label=${messages.everyone}>
        ${participants.map(
          (participant) =>
            html`<li>
              <quiet-room-tile
                data-participant=${participant.id}
                .messages=${messages}
                .label=${participantName(participant, participants, messages)}
                .track=${participant.videoTrack}
                .camera=${participant.cameraEnabled}
                .microphone=${participant.microphoneEnabled}
                .handRaised=${participant.handRaised}
                .blanked=${participant.isBlanked}
              ></quiet-room-tile>
            </li>`,
        )}
        <li>
          <quiet-room-tile
            mirrored
            data-local
            .messages=${messages}
            .label=${localName(room, messages)}
            .track=${localParticipant.videoTrack}
            .camera=${localParticipant.cameraEnabled}
            .microphone=${localParticipant.microphoneEnabled}
            .handRaised=${localParticipant.handRaised}
          ></quiet-room-tile>
        </li>
      </ul>
      ${
        this.#playback.isBlocked
          ? html`<button class="primary hear" @click=${this.#handleHear}>
              ${icons.speaker}${messages.tapToHear}
            </button>`
          : nothing
      }
      <div class="lines" role="status" aria-live="polite">
        <p class="status">${this.#statusText(room)}</p>
        ${[...this.#notices.values()].map(
          (notice) => html`<p class="notice">${notice.message} ${notice.mend}</p>`,
        )}
      </div>
      <quiet-room-safety
        .messages=${messages}
        .group=${room.group}
        .entries=${safetyEntries(room, messages)}
      ></quiet-room-safety>
      ${this.#renderControls(room)}
    `;
  }

  #renderControls(room: Room): TemplateResult {
    const messages = this.#messages;
    const { microphoneEnabled, cameraEnabled } = room.localParticipant;
    return html`
      <div class="controls" role="group" aria-label=${messages.controls}>
        <button
          class=${microphoneEnabled ? 'microphone' : 'microphone off'}
          @click=${this.#handleMicrophone}
        >
          ${microphoneEnabled ? icons.microphoneOn : icons.microphoneOff}
          ${microphoneEnabled ? messages.mute : messages.unmute}
        </button>
        <button class=${cameraEnabled ? 'camera' : 'camera off'} @click=${this.#handleCamera}>
          ${cameraEnabled ? icons.cameraOn : icons.cameraOff}
          ${cameraEnabled ? messages.stopCamera : messages.startCamera}
        </button>
        ${
          room.group === undefined
            ? nothing
            : html`<button
                class=${room.localParticipant.handRaised ? 'hand off' : 'hand'}
                @click=${this.#handleHand}
              >
                ${icons.hand}
                ${room.localParticipant.handRaised ? messages.lowerHand : messages.raiseHand}
              </button>`
        }
        <button class="leave" @click=${this.#handleLeave}>${icons.leave}${messages.leave}</button>
      </div>
    `;
  }

  #renderEnd(room: Room): TemplateResult {
    const messages = this.#messages;
    const { error } = room;
    return html`
      <div class="ended" role="status" aria-live="polite">
        <h2>${this.#endTitle(room)}</h2>
        <p>${error === undefined ? messages.leftDetail : `${error.message} ${error.mend}`}</p>
        <button class="primary rejoin" @click=${this.#handleRejoin}>${messages.joinAgain}</button>
      </div>
    `;
  }

  #endTitle({ error, timings }: Room): string {
    if (error === undefined) return this.#messages.left;
    return timings.connected === undefined ? this.#messages.notJoined : this.#messages.failed;
  }

  #statusText(room: Room): string {
    const messages = this.#messages;
    switch (room.state) {
      case 'idle':
      case 'connecting':
        return messages.connecting;
      case 'reconnecting':
        return messages.reconnecting;
      case 'connected': {
        const count = room.participants.length;
        return count === 0 ? messages.alone : messages.others(count);
      }
      case 'disconnected':
        return '';
    }
  }

  #join(): void {
    this.#leave();
    if (!this.isConnected || this.token === null || this.token === '') return;
    const room = this.createRoom({
      url: this.url ?? undefined,
      workerUrl: this.workerUrl ?? undefined,
    });
    this.#room = room;
    this.#listen(room);
    // What went wrong is shown by the room's state.
    room.join(this.token, { name: this.name ?? undefined }).catch(() => undefined);
    this.requestUpdate();
  }

  #leave(): void {
    this.#room?.leave();
    this.#room = undefined;
    this.#notices.clear();
    this.#playback.clear();
    this.requestUpdate();
  }

  #listen(room: Room): void {
    const update = (): void => {
      this.requestUpdate();
    };
    room.on('participantJoined', update);
    room.on('participantUpdated', update);
    room.on('participantLeft', update);
    room.on('localParticipantUpdated', update);
    room.on('stateChanged', update);
    room.on('groupChanged', update);
    room.on('trackSubscribed', (track) => {
      if (track.kind === 'audio') this.#playback.add(track);
      update();
    });
    room.on('trackUnsubscribed', (track) => {
      if (track.kind === 'audio') this.#playback.remove(track);
      update();
    });
    room.on('error', (error) => {
      if (room.error !== error) this.#notices.set(subject(error), error);
      update();
    });
  }

  readonly #handleMicrophone = (): void => {
    const { localParticipant } = this.#room ?? {};
    if (localParticipant === undefined) return;
    this.#notices.delete('microphone');
    this.#try(localParticipant.setMicrophoneEnabled(!localParticipant.microphoneEnabled));
  };

  readonly #handleCamera = (): void => {
    const { localParticipant } = this.#room ?? {};
    if (localParticipant === undefined) return;
    this.#notices.delete('camera');
    this.#try(localParticipant.setCameraEnabled(!localParticipant.cameraEnabled));
  };

  readonly #handleHand = (): void => {
    const room = this.#room;
    room?.setHandRaised(!room.localParticipant.handRaised);
  };

  readonly #handleLeave = (): void => {
    this.#room?.leave();
    this.#focus('.rejoin');
  };

  readonly #handleRejoin = (): void => {
    this.#join();
    this.#focus('.microphone');
  };

  readonly #handleHear = (): void => {
    void this.#playback.resume();
    this.#focus('.microphone');
  };

  #try(change: Promise<void>): void {
    this.requestUpdate();
    change.catch((reason: unknown) => {
      const error = toQuietroomError(reason, 'internal');
      this.#notices.set(subject(error), error);
      this.requestUpdate();
    });
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
    const { childElementCount, clientWidth, clientHeight } = grid;
    const layout = gridLayout(childElementCount, clientWidth, clientHeight, gap);
    grid.style.setProperty('--tile-width', `${layout.tileWidth}px`);
    grid.style.setProperty('--tile-height', `${layout.tileHeight}px`);
  }
}

function localName({ localParticipant }: Room, messages: Messages): string {
  return localParticipant.name === '' ? messages.you : messages.youNamed(localParticipant.name);
}

/** The group's members by what they are called on their tiles. */
function safetyEntries(room: Room, messages: Messages): SafetyEntry[] {
  return (room.group?.members ?? []).map((member) => {
    const isLocal = member.participantId === room.localParticipant.id;
    const other = room.participants.find(({ id }) => id === member.participantId);
    const label = isLocal
      ? localName(room, messages)
      : other === undefined
        ? messages.unknown
        : participantName(other, room.participants, messages);
    return { member, label, isLocal };
  });
}

/** The device an error is about, or `room`. */
function subject({ code }: QuietroomError): string {
  return /^(microphone|camera)-/.exec(code)?.[1] ?? 'room';
}

customElements.define('quiet-room', QuietRoomElement);

declare global {
  interface HTMLElementTagNameMap {
    'quiet-room': QuietRoomElement;
  }
}
