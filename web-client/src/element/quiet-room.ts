import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { GroupMember } from '../e2ee/messages';
import { toQuietroomError, type QuietroomErrorCode } from '../error';
import { AudioPlayback } from '../media/autoplay';
import type { EmergencyInformation, Participant, RemoteParticipant } from '../room/participant';
import type { RoomOptions } from '../room/options';
import { Room } from '../room/room';
import type { Role } from '../signaling/protocol/Role';
import type { Permission } from '../signaling/protocol/Permission';
import './chat';
import './confirmation';
import type { ConfirmationElement } from './confirmation';
import { renderControls, type ControlsActions, type ControlsState, type Panel } from './controls';
import { Conversation } from './conversation';
import { isAtDoor, renderDoor, type DoorActions } from './door';
import { gridLayout } from './grid';
import { english, type Messages } from './i18n';
import * as icons from './icons';
import { participantName } from './names';
import { Notices, renderNotices } from './notices';
import './emergency';
import './people';
import type { Comparison, PeopleEntry, PersonRequest } from './people';
import { PauseNotices } from './pause-notices';
import { actOnPerson, actOnSession, personActions } from './powers';
import { Prompts, renderPrompts } from './prompts';
import { Reactions } from './reactions';
import { waitingEntries, type PowerRequest } from './session-controls';
import { promptByRules } from './session-prompts';
import { roomStyles } from './styles';
import './tile';

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
  readonly #playback = new AudioPlayback(this.#voices);
  readonly #size = new ResizeObserver(() => {
    this.#layOut();
  });
  #room: Room | undefined;
  readonly #notices = new Notices();
  readonly #conversation = new Conversation();
  readonly #reactions = new Reactions();
  readonly #prompts = new Prompts();
  readonly #pauses = new PauseNotices();
  /** Keys of those with whom the safety code was compared. */
  readonly #compared = new Set<string>();
  /** Whose hands are known to be up, by id. */
  readonly #raisedHands = new Set<string>();
  /** What a screen reader says next; nobody sees it. */
  #announcements: readonly { readonly id: number; readonly text: string }[] = [];
  #nextAnnouncement = 1;
  #panel: Panel | undefined;
  #areReactionsOpen = false;
  readonly #actions: ControlsActions = {
    toggleMicrophone: () => {
      this.#handleMicrophone();
    },
    toggleCamera: () => {
      this.#handleCamera();
    },
    toggleScreen: () => {
      this.#handleScreen();
    },
    toggleHand: () => {
      const room = this.#room;
      room?.setHandRaised(!room.localParticipant.handRaised);
    },
    toggleReactions: () => {
      this.#areReactionsOpen = !this.#areReactionsOpen;
      this.requestUpdate();
      if (this.#areReactionsOpen) this.#focus('.reactions button');
    },
    react: (reaction) => {
      this.#room?.react(reaction);
      this.#closeReactions();
    },
    togglePanel: (panel) => {
      this.#openPanel(this.#panel === panel ? undefined : panel);
    },
    leave: () => {
      this.#room?.leave();
      this.#focus('.rejoin');
    },
  };

  readonly #doorActions: DoorActions = {
    toggleMicrophone: this.#actions.toggleMicrophone,
    toggleCamera: this.#actions.toggleCamera,
    accept: () => {
      this.#room?.rules.acceptConsent();
    },
    leave: this.#actions.leave,
  };

  constructor() {
    super();
    this.token = null;
    this.tokenUrl = null;
    this.name = null;
    this.url = null;
    this.workerUrl = null;
    this.#voices.hidden = true;
    this.#playback.on('blockedChanged', () => {
      this.requestUpdate();
    });
    this.#notices.on('changed', () => {
      this.requestUpdate();
    });
    this.#reactions.on('changed', () => {
      this.requestUpdate();
    });
    this.#prompts.on('changed', () => {
      this.requestUpdate();
    });
    this.#pauses.on('changed', (somePaused) => {
      this.#announce(somePaused ? this.#messages.somePaused : this.#messages.nonePaused);
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
    for (const sign of SIGNS_OF_LIFE) addEventListener(sign, this.#handleActivity, PASSIVE);
    if (this.hasUpdated) this.#join();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size.disconnect();
    for (const sign of SIGNS_OF_LIFE) removeEventListener(sign, this.#handleActivity, PASSIVE);
    this.#leave();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (JOINING.some((name) => changed.has(name))) this.#join();
  }

  protected override updated(): void {
    this.#layOut();
  }

  protected override render(): TemplateResult {
    const room = this.#room;
    return html`
      <div class="room" @keydown=${this.#handleKey}>
        ${
          room === undefined
            ? nothing
            : room.state === 'disconnected'
              ? this.#renderEnd(room)
              : isAtDoor(room)
                ? this.#renderAtDoor(room)
                : this.#renderRoom(room)
        }
      </div>
      <quiet-room-confirmation .messages=${this.#messages}></quiet-room-confirmation>
      ${this.#voices}
    `;
  }

  readonly #handleActivity = (): void => {
    const room = this.#room;
    if (room?.state !== 'connected') return;
    room.rules.reportActivity();
    // Not at once: the press may be meant for the very button.
    if (this.#prompts.has('inactivity')) {
      setTimeout(() => {
        this.#prompts.dismiss('inactivity');
      }, ACTIVITY_NOTED);
    }
  };

  #renderAtDoor(room: Room): TemplateResult {
    return html`${renderDoor(room, this.#doorActions, this.#messages)}
      <div class="lines" role="status" aria-live="polite">${this.#renderNotices()}</div>`;
  }

  #renderNotices(): TemplateResult[] {
    return renderNotices(
      this.#notices.errors,
      this.#room?.warnings ?? [],
      (participant) => this.#nameOf(participant),
      this.#messages,
    );
  }

  #renderRoom(room: Room): TemplateResult {
    const messages = this.#messages;
    return html`
      <div class="main">
        ${this.#renderPictures(room)}
        ${this.#panel === undefined ? nothing : this.#renderPanel(room)}
      </div>
      ${
        this.#playback.isBlocked
          ? html`<button class="primary hear" @click=${this.#handleHear}>
              ${icons.speaker}${messages.tapToHear}
            </button>`
          : nothing
      }
      ${renderPrompts(this.#prompts)}
      <div class="lines">
        <div role="status" aria-live="polite">
          <p class="status">${this.#statusText(room)}</p>
          ${room.rules.locked ? html`<p class="locked">${messages.locked}</p>` : nothing}
          ${
            room.localParticipant.role === 'observer'
              ? html`<p class="observing">${messages.observing}</p>`
              : nothing
          }
          ${
            room.localParticipant.isSharingScreen
              ? html`<p class="sharing">${messages.sharing}</p>`
              : nothing
          }
          ${this.#renderNotices()}
        </div>
        <p class=${room.group === undefined ? 'protection' : 'protection on'}>
          ${icons.lock}${room.group === undefined ? messages.notYetEncrypted : messages.encrypted}
        </p>
      </div>
      <div class="announcer" role="log" aria-live="polite">
        ${repeat(
          this.#announcements,
          ({ id }) => id,
          ({ text }) => html`<p>${text}</p>`,
        )}
      </div>
      ${renderControls(this.#controlsState(room), this.#actions, messages)}
    `;
  }

  #renderPictures(room: Room): TemplateResult {
    const messages = this.#messages;
    const { localParticipant, participants } = room;
    const sharing = participants.filter(({ isSharingScreen }) => isSharingScreen);
    return html`
      <div class=${sharing.length > 0 ? 'pictures sharing' : 'pictures'}>
        ${
          sharing.length === 0
            ? nothing
            : html`<ul class="stage" aria-label=${messages.sharedScreens}>
                ${sharing.map(
                  (participant) =>
                    html`<li>
                      <quiet-room-tile
                        screen
                        data-screen=${participant.id}
                        .messages=${messages}
                        .label=${messages.screenOf(this.#nameOf(participant))}
                        .track=${participant.screenTrack}
                        .camera=${true}
                        .blanked=${participant.isScreenBlanked}
                        .paused=${participant.screenPaused !== undefined}
                      ></quiet-room-tile>
                    </li>`,
                )}
              </ul>`
        }
        <ul class="grid" aria-label=${messages.everyone}>
          ${participants.map(
            (participant) =>
              html`<li>
                <quiet-room-tile
                  data-participant=${participant.id}
                  .messages=${messages}
                  .label=${this.#nameOf(participant)}
                  .track=${participant.videoTrack}
                  .camera=${participant.cameraEnabled}
                  .microphone=${participant.microphoneEnabled}
                  .speaking=${participant.isSpeaking}
                  .quality=${participant.quality}
                  .handRaised=${participant.handRaised}
                  .blanked=${participant.isBlanked}
                  .paused=${participant.videoPaused !== undefined}
                  .compared=${this.#isCompared(participant.member)}
                  .reaction=${this.#reactions.of(participant.id)}
                  .note=${this.#noteOn(participant)}
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
              .speaking=${localParticipant.isSpeaking}
              .quality=${localParticipant.quality}
              .handRaised=${localParticipant.handRaised}
              .reaction=${this.#reactions.of(LOCAL)}
              .note=${this.#noteOn(localParticipant)}
            ></quiet-room-tile>
          </li>
        </ul>
      </div>
    `;
  }

  #renderPanel(room: Room): TemplateResult {
    const messages = this.#messages;
    return html`<section
      class="panel"
      aria-labelledby="panel-title"
      @keydown=${this.#handlePanelKey}
    >
      <header>
        <h2 id="panel-title">${this.#panel === 'chat' ? messages.chat : messages.people}</h2>
        <button class="close" aria-label=${messages.close} @click=${this.#closePanel}>
          ${icons.close}
        </button>
      </header>
      ${
        this.#panel === 'chat'
          ? html`<quiet-room-chat
              .messages=${messages}
              .lines=${this.#conversation.lines}
              ?disabled=${room.group === undefined}
              @chat-send=${this.#handleChatSend}
            ></quiet-room-chat>`
          : html`<div class="people">
              ${this.#renderSessionControls(room)}<quiet-room-people
                .messages=${messages}
                .group=${room.group}
                .entries=${this.#peopleEntries(room)}
                @compared-change=${this.#handleCompared}
                @person-request=${this.#handlePersonRequest}
              ></quiet-room-people
              >${this.#renderEmergency(room)}
            </div>`
      }
    </section>`;
  }

  /** For all but those who lead the session, and those who only observe. */
  #renderEmergency(room: Room): TemplateResult | typeof nothing {
    if (room.localParticipant.role !== 'client') return nothing;
    return html`<quiet-room-emergency
      .messages=${this.#messages}
      .given=${room.emergencyInformation}
      ?disabled=${room.group === undefined}
      @emergency-change=${this.#handleEmergency}
    ></quiet-room-emergency>`;
  }

  #renderSessionControls({ rules }: Room): TemplateResult | typeof nothing {
    if (!POWERS.some((power) => rules.permissions.has(power))) return nothing;
    return html`<quiet-room-session-controls
      .messages=${this.#messages}
      .permissions=${rules.permissions}
      .waiting=${waitingEntries(rules.waitingList, this.#messages)}
      ?locked=${rules.locked}
      @power-request=${this.#handlePowerRequest}
    ></quiet-room-session-controls>`;
  }

  #controlsState(room: Room): ControlsState {
    const { localParticipant, rules } = room;
    // Before the server has let us in, nothing is known to be forbidden.
    const may = (permission: Permission): boolean =>
      localParticipant.id === undefined || rules.permissions.has(permission);
    return {
      microphone: localParticipant.microphoneEnabled,
      camera: localParticipant.cameraEnabled,
      mayUseMicrophone: may('microphone'),
      mayUseCamera: may('camera'),
      handRaised: localParticipant.handRaised,
      canShareScreen: room.canShareScreen && may('screen'),
      isSharingScreen: localParticipant.isSharingScreen,
      isEncrypted: room.group !== undefined,
      areReactionsOpen: this.#areReactionsOpen,
      panel: this.#panel,
      unread: this.#conversation.unread,
      waiting: rules.waitingList.length,
    };
  }

  #renderEnd(room: Room): TemplateResult {
    const messages = this.#messages;
    const { error } = room;
    return html`
      <div class="ended" role="status" aria-live="polite">
        <h2>${this.#endTitle(room)}</h2>
        <p>${error === undefined ? messages.leftDetail : `${error.message} ${error.mend}`}</p>
        ${
          error !== undefined && FINAL.has(error.code)
            ? nothing
            : html`<button class="primary rejoin" @click=${this.#handleRejoin}>
                ${messages.joinAgain}
              </button>`
        }
      </div>
    `;
  }

  #endTitle({ error, timings }: Room): string {
    const messages = this.#messages;
    if (error === undefined) return messages.left;
    const title = messages.endings[error.code];
    if (title !== undefined) return title;
    return timings.connected === undefined ? messages.notJoined : messages.failed;
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
        // Whoever can read the session is here, shown by the server or not.
        const hidden = room.warnings.filter(({ kind }) => kind === 'hidden-member');
        const count = room.participants.length + hidden.length;
        return count === 0 ? messages.alone : messages.others(count);
      }
      case 'disconnected':
        return '';
    }
  }

  #join(): void {
    this.#leave();
    const tokenUrl = this.tokenUrl ?? '';
    const token = this.token ?? '';
    if (!this.isConnected || (tokenUrl === '' && token === '')) return;
    const room = this.createRoom({
      url: this.url ?? undefined,
      workerUrl: this.workerUrl ?? undefined,
    });
    this.#room = room;
    this.#listen(room);
    // What went wrong is shown by the room's state.
    const name = this.name ?? undefined;
    const joining = tokenUrl === '' ? room.join(token, { name }) : room.joinBy(tokenUrl, { name });
    joining.catch(() => undefined);
    this.requestUpdate();
  }

  #leave(): void {
    this.#room?.leave();
    this.#room = undefined;
    this.#notices.clear();
    this.#playback.clear();
    this.#conversation.clear();
    this.#reactions.clear();
    this.#prompts.clear();
    this.#pauses.clear();
    this.#raisedHands.clear();
    this.#announcements = [];
    this.#areReactionsOpen = false;
    this.requestUpdate();
  }

  #listen(room: Room): void {
    const update = (): void => {
      this.requestUpdate();
    };
    room.on('participantJoined', update);
    room.on('participantUpdated', (participant) => {
      this.#noteHand(participant);
      update();
    });
    room.on('participantLeft', ({ id }) => {
      this.#raisedHands.delete(id);
      this.#pauses.update(room.participants);
      update();
    });
    room.on('speakersChanged', update);
    room.on('qualityChanged', update);
    room.on('pausedChanged', () => {
      this.#pauses.update(room.participants);
    });
    room.on('chatMessage', (participant, text) => {
      this.#noteChat(participant, text);
      update();
    });
    room.on('reaction', (participant, reaction) => {
      const isShown = this.#reactions.show(participant.isLocal ? LOCAL : participant.id, reaction);
      if (isShown && !participant.isLocal) {
        this.#announce(this.#messages.reacted(this.#nameOf(participant), reaction));
      }
      update();
    });
    room.on('localParticipantUpdated', update);
    this.#listenToRules(room, update);
    room.on('stateChanged', update);
    room.on('groupChanged', update);
    room.on('groupLost', update);
    room.on('trackSubscribed', (track, participant) => {
      if (track.kind === 'audio') this.#playback.add(track);
      if (track.source === 'screen') {
        this.#announce(this.#messages.screenOf(this.#nameOf(participant)));
      }
      update();
    });
    room.on('trackUnsubscribed', (track) => {
      if (track.kind === 'audio') this.#playback.remove(track);
      update();
    });
    room.on('error', (error) => {
      if (room.error !== error) this.#notices.note(error);
      update();
    });
    room.on('warningsChanged', update);
  }

  #listenToRules(room: Room, update: () => void): void {
    const { rules } = room;
    rules.on('consentRequired', () => {
      update();
      this.#focus('#door-title');
    });
    rules.on('waiting', update);
    rules.on('permissionsChanged', update);
    rules.on('lockedChanged', update);
    rules.on('waitingListChanged', update);
    promptByRules(room, this.#prompts, {
      messages: this.#messages,
      nameOf: (id) => this.#nameOfId(id),
      showPeople: () => {
        this.#openPanel('people');
      },
      arePeopleShown: () => this.#panel === 'people',
      turnOn: (source) => {
        if (source === 'microphone') this.#handleMicrophone();
        else this.#handleCamera();
      },
    });
  }

  readonly #handlePowerRequest = ({ detail }: CustomEvent<PowerRequest>): void => {
    const room = this.#room;
    if (room !== undefined) actOnSession(room, detail, this.#asking);
  };

  readonly #handlePersonRequest = ({ detail }: CustomEvent<PersonRequest>): void => {
    const { participantId, action } = detail;
    if (this.#room === undefined) return;
    actOnPerson(this.#room, participantId, action, this.#nameOfId(participantId), this.#asking);
  };

  readonly #handleEmergency = ({ detail }: CustomEvent<EmergencyInformation>): void => {
    this.#room?.setEmergencyInformation(detail);
    this.requestUpdate();
  };

  get #asking(): { confirmation: ConfirmationElement; messages: Messages } {
    const confirmation = this.renderRoot.querySelector('quiet-room-confirmation');
    return { confirmation: confirmation as ConfirmationElement, messages: this.#messages };
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

  readonly #handleScreen = (): void => {
    const room = this.#room;
    if (room === undefined) return;
    this.#notices.delete('screen');
    this.#try(room.localParticipant.isSharingScreen ? room.stopScreenShare() : room.shareScreen());
  };

  readonly #handleChatSend = (event: CustomEvent<string>): void => {
    try {
      this.#room?.sendChat(event.detail);
    } catch (reason) {
      event.preventDefault();
      this.#notices.note(toQuietroomError(reason, 'text-too-long'));
    }
  };

  readonly #handleCompared = ({ detail }: CustomEvent<Comparison>): void => {
    if (detail.isCompared) this.#compared.add(detail.key);
    else this.#compared.delete(detail.key);
    this.requestUpdate();
  };

  readonly #handlePanelKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    this.#closePanel();
  };

  readonly #handleKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && this.#areReactionsOpen) this.#closeReactions();
  };

  readonly #closePanel = (): void => {
    this.#openPanel(undefined);
  };

  #openPanel(panel: Panel | undefined): void {
    const former = this.#panel;
    this.#panel = panel;
    if (panel === 'people') this.#prompts.dismiss('waiting');
    this.#conversation.setOpen(panel === 'chat');
    this.requestUpdate();
    if (panel === 'chat') this.#focus('quiet-room-chat');
    else if (panel === 'people') this.#focus('.panel .close');
    else this.#focus(`.${former ?? 'chat'}-toggle`);
  }

  #closeReactions(): void {
    this.#areReactionsOpen = false;
    this.requestUpdate();
    this.#focus('.react');
  }

  #noteChat(participant: Participant, text: string): void {
    const isOwn = participant.isLocal;
    const writer = isOwn ? this.#messages.you : this.#nameOf(participant);
    this.#conversation.add({ writer, isOwn, text, at: Date.now() });
    // An open chat is a live region of its own.
    if (!isOwn && this.#panel !== 'chat') this.#announce(this.#messages.wrote(writer, text));
  }

  #noteHand(participant: RemoteParticipant): void {
    if (!participant.handRaised) {
      this.#raisedHands.delete(participant.id);
    } else if (!this.#raisedHands.has(participant.id)) {
      this.#raisedHands.add(participant.id);
      this.#announce(this.#messages.raisedHand(this.#nameOf(participant)));
    }
  }

  #announce(text: string): void {
    const announcement = { id: this.#nextAnnouncement++, text };
    this.#announcements = [...this.#announcements, announcement].slice(-MAX_ANNOUNCEMENTS);
  }

  #nameOf(participant: RemoteParticipant): string {
    const { participants = [], localParticipant } = this.#room ?? {};
    return participantName(participant, participants, localParticipant?.name ?? '', this.#messages);
  }

  #nameOfId(participantId: string): string {
    const participant = this.#room?.participants.find(({ id }) => id === participantId);
    return participant === undefined
      ? this.#messages.participant('host', undefined)
      : this.#nameOf(participant);
  }

  /** Whoever only observes is seen to. */
  #noteOn({ role, name }: Participant): string | undefined {
    return role === 'observer' && name !== '' ? this.#messages.observes : undefined;
  }

  #isCompared(member: GroupMember | undefined): boolean {
    return member !== undefined && this.#compared.has(member.key);
  }

  /** The group's members by what they are called on their tiles. */
  #peopleEntries(room: Room): PeopleEntry[] {
    const messages = this.#messages;
    return (room.group?.members ?? []).map((member) => {
      const isLocal = member.participantId === room.localParticipant.id;
      const other = room.participants.find(({ id }) => id === member.participantId);
      const person = isLocal ? room.localParticipant : other;
      const label = isLocal
        ? localName(room, messages)
        : other === undefined
          ? messages.unknown
          : this.#nameOf(other);
      const handRaised = person?.handRaised ?? false;
      const isCompared = this.#isCompared(member);
      const actions = other === undefined ? [] : personActions(room, other);
      const role = this.#roleText(member, person?.role);
      const emergency = other?.emergencyInformation;
      return { member, label, role, isLocal, handRaised, isCompared, emergency, actions };
    });
  }

  /** A role as the server says it; a member's own word alone is worth nothing. */
  #roleText(member: GroupMember, role: Role | undefined): string {
    const messages = this.#messages;
    if (role === undefined) return messages.roleUnknown;
    const text = messages.participant(role, undefined);
    return member.role === role ? text : messages.roleNotConfirmed(text);
  }

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
      this.#notices.note(toQuietroomError(reason, 'internal'));
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

/** Stands for this client where a participant's id is asked for. */
const LOCAL = '';

/** What another stay begins with. */
const JOINING = ['token', 'tokenUrl', 'url', 'workerUrl'] as const;

/** Those that are shown with the people. */
const POWERS = ['admit', 'lock', 'mute', 'end'] as const;

/** After these, the same link leads nowhere. */
const FINAL: ReadonlySet<QuietroomErrorCode> = new Set(['session-ended', 'removed']);

/** From a sign of life until the question for one goes away, in ms. */
const ACTIVITY_NOTED = 2000;

/** The older ones have been said. */
const MAX_ANNOUNCEMENTS = 5;

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
