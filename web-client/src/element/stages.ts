import { html, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { repeat } from 'lit/directives/repeat.js';
import type { QuietroomErrorCode } from '../error';
import type { DeviceSource } from '../media/devices';
import type { MicrophoneLevel } from '../media/microphone-level';
import type { AudioOnlyReason } from '../room/events';
import type { Room } from '../room/room';
import type { Permission } from '../signaling/protocol/Permission';
import type { TestNetwork } from './connection-check';
import {
  renderControls,
  wantedDevices,
  type ControlsActions,
  type ControlsState,
} from './controls';
import { isAtDoor, renderDoor, type DoorActions } from './door';
import type { Messages } from '../i18n/messages';
import './green-room';
import type { JoinRequest } from './green-room';
import * as icons from './icons';
import type { InterruptionCause } from './interruption';
import { renderMore, type MoreActions, type MoreState } from './more';
import { renderNotices } from './notices';
import { renderPictures } from './pictures';
import { renderPrompts } from './prompts';
import type { Session } from './session';
import { renderSidePanel, type SidePanelActions } from './side-panel';
import './timer';

/** What is done at each stage of a stay. */
export interface StageActions {
  readonly door: DoorActions;
  readonly controls: ControlsActions;
  readonly more: MoreActions;
  readonly panel: SidePanelActions;
  readonly toggle: (source: DeviceSource) => void;
  readonly enter: (request: JoinRequest) => void;
  readonly testNetwork: TestNetwork;
  readonly hear: () => void;
  readonly rejoin: () => void;
}

/** What a stage shows that neither the room nor the session knows. */
export interface StageContext {
  readonly level: MicrophoneLevel;
  /** What the person is called by the page or has typed. */
  readonly name: string;
  /** What the clinic's own panel is called; absent where there is none. */
  readonly ownPanel: string | undefined;
  /** What is about to be opened; absent once it is. */
  readonly unopened: Readonly<Record<DeviceSource, boolean>> | undefined;
  /** The browser is going to ask for it, or asks; absent where it does not tell. */
  readonly asksForDevices: boolean | undefined;
  readonly interruption: InterruptionCause | undefined;
  readonly isSmallWindowOpen: boolean | undefined;
  readonly canOpenSmallWindow: boolean;
  readonly isFullScreen: boolean | undefined;
}

/** The stage that a stay is at: the green room, the door, the room, or the end. */
export function renderStage(
  room: Room,
  session: Session,
  actions: StageActions,
  context: StageContext,
): TemplateResult {
  if (room.state === 'disconnected') return renderEnd(room, session, actions, context);
  if (session.isPreparing) return renderGreenRoom(room, session, actions, context);
  return isAtDoor(room)
    ? renderAtDoor(room, session, actions, context)
    : renderRoom(room, session, actions, context);
}

function renderGreenRoom(
  room: Room,
  session: Session,
  actions: StageActions,
  { level, name, unopened, asksForDevices }: StageContext,
): TemplateResult {
  const { cameraEnabled, microphoneEnabled } = room.localParticipant;
  const wanted = unopened ?? wantedDevices(room.localParticipant);
  // Of one of them it has asked; of the other it may.
  const isOneOpen = cameraEnabled || microphoneEnabled;
  // Another stay may be somebody else's: what was typed is not there any more.
  return html`${keyed(
    room,
    html`<quiet-room-green-room
      part="green-room"
      exportparts="preview, join"
      .messages=${session.messages}
      .room=${room}
      .level=${level}
      .name=${name}
      ?camera=${cameraEnabled}
      ?microphone=${microphoneEnabled}
      .wanted=${wanted}
      .asks=${isOneOpen && asksForDevices === true ? undefined : asksForDevices}
      .test=${actions.testNetwork}
      .problems=${session.notices.errors}
      @device-toggle=${(event: CustomEvent<DeviceSource>) => {
        actions.toggle(event.detail);
      }}
      @join-request=${(event: CustomEvent<JoinRequest>) => {
        actions.enter(event.detail);
      }}
    ></quiet-room-green-room>`,
  )}
  ${renderPrompts(session.prompts)}`;
}

function renderAtDoor(
  room: Room,
  session: Session,
  { door, panel }: StageActions,
  { interruption, level }: StageContext,
): TemplateResult {
  const { messages } = session;
  // A device that fails while somebody waits is theirs to choose anew; of all else there is nothing yet.
  const devices =
    session.panel === 'devices'
      ? renderSidePanel(room, session, panel, { level, ownPanel: '' })
      : nothing;
  const isInterrupted = room.state === 'reconnecting';
  const status = isInterrupted ? statusText(room, interruption, messages) : undefined;
  return html`<div class="main">${renderDoor(room, door, messages, status)}${devices}</div>
    ${renderPrompts(session.prompts)}
    <div class="lines" role="status" aria-live="polite">${noticesOf(room, session)}</div>`;
}

function renderRoom(
  room: Room,
  session: Session,
  actions: StageActions,
  context: StageContext,
): TemplateResult {
  const { messages } = session;
  const { level, ownPanel = '' } = context;
  return html`
    <div class="main">
      ${renderPictures(room, session)}
      ${
        session.panel === undefined
          ? nothing
          : // What somebody has written in it is not for the next one.
            keyed(room, renderSidePanel(room, session, actions.panel, { level, ownPanel }))
      }
    </div>
    ${
      session.playback.isBlocked
        ? html`<button class="primary hear" @click=${actions.hear}>
            ${icons.speaker}${messages.tapToHear}
          </button>`
        : nothing
    }
    ${renderPrompts(session.prompts)} ${renderLines(room, session, context)}
    <div class="announcer" role="log" aria-live="polite">
      ${repeat(
        session.announcements,
        ({ id }) => id,
        ({ text }) => html`<p>${text}</p>`,
      )}
    </div>
    ${renderControls(
      controlsState(room, session, context),
      actions.controls,
      messages,
      session.popup === 'more'
        ? renderMore(moreState(room, session, context), actions.more, messages)
        : nothing,
    )}
  `;
}

/** How it stands with the session, in words. */
function renderLines(room: Room, session: Session, { interruption }: StageContext): TemplateResult {
  const { messages } = session;
  const { role, isSharingScreen } = room.localParticipant;
  // Who comes and goes is said by name, some at once; a count of them would be said each time.
  const count = room.state === 'connected' ? session.presence : undefined;
  const style = room.state === 'reconnecting' ? 'status notice' : 'status';
  return html`
    <div class="lines" part="lines">
      ${count === undefined ? nothing : html`<p class="status">${count}</p>`}
      <div role="status" aria-live="polite" aria-atomic="false">
        ${
          count === undefined
            ? html`<p class=${style}>${statusText(room, interruption, messages)}</p>`
            : nothing
        }
        ${room.isRejoining ? html`<p id="away" class="away">${messages.away}</p>` : nothing}
        ${room.rules.locked ? html`<p class="locked">${messages.locked}</p>` : nothing}
        ${role === 'observer' ? html`<p class="observing">${messages.observing}</p>` : nothing}
        ${isSharingScreen ? html`<p class="sharing">${messages.sharing}</p>` : nothing}
        ${room.audioOnly === undefined ? nothing : renderAudioOnly(room.audioOnly, messages)}
        ${
          room.localParticipant.cameraPaused
            ? html`<p class="notice">${messages.cameraPausedNotice}</p>`
            : nothing
        }
        ${renderOwnQuality(room, session)} ${noticesOf(room, session)}
      </div>
      <p class=${room.group === undefined ? 'protection' : 'protection on'}>
        ${icons.lock}${room.group === undefined ? messages.notYetEncrypted : messages.encrypted}
      </p>
      ${
        room.path === undefined || room.path === 'udp'
          ? nothing
          : html`<p class="path">${messages.path[room.path]}</p>`
      }
      ${
        session.time.elapsed === undefined
          ? nothing
          : html`<quiet-room-timer .messages=${messages} .time=${session.time}></quiet-room-timer>`
      }
    </div>
  `;
}

function renderAudioOnly(reason: AudioOnlyReason, messages: Messages): TemplateResult {
  const style = reason === 'chosen' ? 'audio-only' : 'audio-only notice';
  return html`<p class=${style}>${messages.audioOnly[reason]}</p>`;
}

/** What follows from it says the same where there is such a line. */
function renderOwnQuality(
  { state, audioOnly, localParticipant }: Room,
  { ownQuality, messages }: Session,
): TemplateResult | typeof nothing {
  const { level, cause } = ownQuality.told;
  if (level === 'good' || state !== 'connected') return nothing;
  if (cause === 'slow-uplink' && localParticipant.cameraPaused) return nothing;
  if (cause === 'slow-downlink' && audioOnly === 'slow-connection') return nothing;
  const style = level === 'poor' ? 'own-quality notice' : 'own-quality';
  return html`<p class=${style}>${messages.ownQuality(level, cause)}</p>`;
}

function noticesOf(room: Room, session: Session): TemplateResult[] {
  const nameOf = session.nameOf.bind(session);
  return renderNotices(session.notices.errors, room.warnings, nameOf, session.messages);
}

function moreState(room: Room, session: Session, context: StageContext): MoreState {
  return {
    isSpeakerView: session.isSpeakerView,
    isSelfHidden: session.isSelfHidden,
    isAudioOnly: room.audioOnly === 'chosen',
    isSmallWindowOpen: context.isSmallWindowOpen,
    canOpenSmallWindow: context.canOpenSmallWindow,
    isFullScreen: context.isFullScreen,
    hasCamera: room.localParticipant.role !== 'observer',
  };
}

function controlsState(room: Room, session: Session, { ownPanel }: StageContext): ControlsState {
  const { localParticipant, rules } = room;
  // Before the server has let us in, nothing is known to be forbidden.
  const may = (permission: Permission): boolean =>
    localParticipant.id === undefined || rules.permissions.has(permission);
  return {
    ...wantedDevices(localParticipant),
    mayUseMicrophone: may('microphone'),
    mayUseCamera: may('camera'),
    handRaised: localParticipant.handRaised,
    canShareScreen: room.canShareScreen && may('screen'),
    isSharingScreen: localParticipant.isSharingScreen,
    isEncrypted: room.group !== undefined,
    isAway: room.isRejoining,
    areReactionsOpen: session.popup === 'reactions',
    isMoreOpen: session.popup === 'more',
    ownPanel,
    panel: session.panel,
    unread: session.conversation.unread,
    waiting: rules.waitingList.length,
  };
}

function statusText(
  room: Room,
  interruption: InterruptionCause | undefined,
  messages: Messages,
): string {
  switch (room.state) {
    case 'idle':
    case 'connecting':
      return messages.connecting;
    case 'reconnecting':
      return interruption === undefined
        ? messages.reconnecting
        : messages.interruptions[interruption];
    case 'connected':
    case 'disconnected':
      return '';
  }
}

function renderEnd(
  room: Room,
  session: Session,
  { panel, rejoin }: StageActions,
  { level, ownPanel }: StageContext,
): TemplateResult {
  const { error } = room;
  const { messages } = session;
  return html`
    <div class="main">
      <div class="ended" part="ended" role="status" aria-live="polite">
        <h2 tabindex="-1">${endTitle(room, messages)}</h2>
        <p>${endDetail(room, messages)}</p>
        ${
          error !== undefined && FINAL.has(error.code)
            ? nothing
            : html`<button class="primary rejoin" @click=${rejoin}>${messages.joinAgain}</button>`
        }
      </div>
      ${
        session.panel === 'own' && ownPanel !== undefined
          ? // Whoever writes in it goes on writing.
            keyed(room, renderSidePanel(room, session, panel, { level, ownPanel }))
          : nothing
      }
    </div>
  `;
}

function endTitle({ error, timings }: Room, messages: Messages): string {
  if (error === undefined) return messages.left;
  const title = messages.endings[error.code];
  if (title !== undefined) return title;
  return timings.connected === undefined ? messages.notJoined : messages.failed;
}

function endDetail({ error }: Room, messages: Messages): string {
  if (error === undefined) return messages.leftDetail;
  const [message, mend] = messages.errors[error.code];
  // A title of its own says what the message does.
  return messages.endings[error.code] === undefined ? `${message} ${mend}` : mend;
}

/** After these, the same link leads nowhere. */
const FINAL: ReadonlySet<QuietroomErrorCode> = new Set(['session-ended', 'removed']);
