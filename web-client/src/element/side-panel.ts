import { html, nothing, type TemplateResult } from 'lit';
import type { GroupMember } from '../e2ee/messages';
import type { EmergencyInformation, Participant, RemoteParticipant } from '../room/participant';
import type { MicrophoneLevel } from '../media/microphone-level';
import type { Room } from '../room/room';
import type { Role } from '../signaling/protocol/Role';
import './chat';
import type { Panel } from './controls';
import './device-picker';
import './emergency';
import './level-meter';
import type { Messages } from '../i18n/messages';
import * as icons from './icons';
import './people';
import type { Comparison, PeopleEntry, PersonRequest } from './people';
import { personActions } from './powers';
import type { Session } from './session';
import './talk-time';
import type { TalkEntry } from './talk-time';
import { waitingEntries, type PowerRequest } from './session-controls';

/** What is done in the panel. */
export interface SidePanelActions {
  readonly close: () => void;
  readonly handleKey: (event: KeyboardEvent) => void;
  readonly handleChatSend: (event: CustomEvent<string>) => void;
  readonly handleCompared: (event: CustomEvent<Comparison>) => void;
  readonly handlePersonRequest: (event: CustomEvent<PersonRequest>) => void;
  readonly handlePowerRequest: (event: CustomEvent<PowerRequest>) => void;
  readonly handleEmergency: (event: CustomEvent<EmergencyInformation>) => void;
}

/** What the panel shows besides the session. */
export interface SidePanelContext {
  readonly level: MicrophoneLevel;
  /** What the clinic's own panel is called. */
  readonly ownPanel: string;
}

/** What is open beside the pictures: chat, people and powers over them, devices, or what the clinic put there. */
export function renderSidePanel(
  room: Room,
  session: Session,
  actions: SidePanelActions,
  { level, ownPanel }: SidePanelContext,
): TemplateResult {
  const { messages, panel } = session;
  const title = panelTitle(panel, ownPanel, messages);
  return html`<section
    class="panel"
    part="panel"
    aria-labelledby="panel-title"
    @keydown=${actions.handleKey}
  >
    <header>
      <h2 id="panel-title">${title}</h2>
      <button class="close" aria-label=${messages.close} @click=${actions.close}>
        ${icons.close}
      </button>
    </header>
    ${renderContent(room, session, actions, level)}
  </section>`;
}

function panelTitle(panel: Panel | undefined, ownPanel: string, messages: Messages): string {
  if (panel === 'own') return ownPanel;
  return panel === undefined ? '' : messages[panel];
}

function renderContent(
  room: Room,
  session: Session,
  actions: SidePanelActions,
  level: MicrophoneLevel,
): TemplateResult | typeof nothing {
  const { messages, panel } = session;
  switch (panel) {
    case 'chat':
      return html`<quiet-room-chat
        .messages=${messages}
        .lines=${session.conversation.lines}
        ?disabled=${room.group === undefined}
        ?away=${room.isRejoining}
        @chat-send=${actions.handleChatSend}
      ></quiet-room-chat>`;
    case 'people':
      return html`<div class="people">
        ${renderSessionControls(room, messages, actions)}<quiet-room-people
          .messages=${messages}
          .group=${room.group}
          .entries=${peopleEntries(room, session)}
          ?away=${room.isRejoining}
          @compared-change=${actions.handleCompared}
          @person-request=${actions.handlePersonRequest}
        ></quiet-room-people
        >${renderTalkTime(room, session)}${renderEmergency(room, messages, actions)}
      </div>`;
    case 'devices':
      return html`<div class="devices">
        <quiet-room-devices
          .messages=${messages}
          .choices=${room.devices}
          ?allowed=${true}
          .background=${room.localParticipant.backgroundBlur}
        ></quiet-room-devices>
        <quiet-room-level
          .messages=${messages}
          .source=${level}
          ?active=${room.localParticipant.microphoneEnabled}
        ></quiet-room-level>
      </div>`;
    case 'own':
      return html`<div class="own"><slot name="panel"></slot></div>`;
    case undefined:
      return nothing;
  }
}

/** For all but those who lead the session, and those who only observe. */
function renderEmergency(
  room: Room,
  messages: Messages,
  { handleEmergency }: SidePanelActions,
): TemplateResult | typeof nothing {
  if (room.localParticipant.role !== 'client') return nothing;
  return html`<quiet-room-emergency
    .messages=${messages}
    .given=${room.emergencyInformation}
    ?disabled=${room.group === undefined}
    ?away=${room.isRejoining}
    @emergency-change=${handleEmergency}
  ></quiet-room-emergency>`;
}

function renderSessionControls(
  room: Room,
  messages: Messages,
  { handlePowerRequest }: SidePanelActions,
): TemplateResult | typeof nothing {
  const { rules } = room;
  if (!POWERS.some((power) => rules.permissions.has(power))) return nothing;
  return html`<quiet-room-session-controls
    .messages=${messages}
    .permissions=${rules.permissions}
    .waiting=${waitingEntries(room, messages)}
    ?locked=${rules.locked}
    ?away=${room.isRejoining}
    @power-request=${handlePowerRequest}
  ></quiet-room-session-controls>`;
}

/** For those who lead the session, and alone where there is somebody to talk with. */
function renderTalkTime(room: Room, session: Session): TemplateResult | typeof nothing {
  if (!room.rules.permissions.has('admit') || room.participants.length === 0) return nothing;
  return html`<quiet-room-talk-time
    .messages=${session.messages}
    .read=${() => talkEntries(room, session)}
  ></quiet-room-talk-time>`;
}

/** Observers say nothing. */
function talkEntries(room: Room, session: Session): readonly TalkEntry[] | undefined {
  const talking = [room.localParticipant, ...room.participants].filter(
    ({ role }) => role !== 'observer',
  );
  return session.talkTime.shares(talking)?.map(({ participant, share }) => ({
    label: participant.isLocal ? session.localName : session.nameOf(participant),
    share,
  }));
}

/** What to say of somebody's consent to those who lead; absent where there is no text. */
function consentText(
  room: Room,
  { consented }: RemoteParticipant,
  messages: Messages,
): string | undefined {
  if (!room.rules.permissions.has('admit')) return undefined;
  if (consented !== undefined) return messages.consented(consented);
  const isThereText = room.participants.some((other) => other.consented !== undefined);
  return isThereText ? messages.notConsented : undefined;
}

/**
 * The group's members by what they are called on their tiles; then those who
 * are here and not in it, whom those who lead may have to do something about.
 */
function peopleEntries(room: Room, session: Session): PeopleEntry[] {
  const { members = [] } = room.group ?? {};
  const keyed = new Set(members.map(({ participantId }) => participantId));
  const keyless = room.participants.filter(({ id }) => !keyed.has(id));
  return [
    ...members.map((member) => peopleEntry(member.participantId, member, room, session)),
    ...keyless.map(({ id }) => peopleEntry(id, undefined, room, session)),
  ];
}

function peopleEntry(
  participantId: string,
  member: GroupMember | undefined,
  room: Room,
  session: Session,
): PeopleEntry {
  const { messages } = session;
  const areSeveralUp = session.raisedHands > 1;
  const isLocal = participantId === room.localParticipant.id;
  const other = room.participants.find(({ id }) => id === participantId);
  const person = isLocal ? room.localParticipant : other;
  const label = isLocal
    ? session.localName
    : other === undefined
      ? messages.unknown
      : session.nameOf(other);
  return {
    participantId,
    member,
    label,
    role: roleText(member, person?.role, messages),
    isLocal,
    handRaised: person?.handRaised ?? false,
    handPlace: areSeveralUp && person !== undefined ? session.handPlace(person) : undefined,
    connection: person === undefined ? undefined : connectionText(person, session),
    consent: other === undefined ? undefined : consentText(room, other, messages),
    isCompared: session.isCompared(member),
    emergency: other?.emergencyInformation,
    actions: other === undefined ? [] : personActions(room, other),
  };
}

/** What the tile shows by a sign, which not everybody can point at. */
function connectionText(person: Participant, session: Session): string | undefined {
  const { messages } = session;
  if (!person.isLocal && session.isAway(person)) return messages.reconnectingThere;
  const { level, cause } = person.quality;
  return level === 'good' ? undefined : messages.quality(level, cause);
}

/** A role as the server says it; a member's own word alone is worth nothing. */
function roleText(
  member: GroupMember | undefined,
  role: Role | undefined,
  messages: Messages,
): string {
  if (role === undefined) return messages.roleUnknown;
  const text = messages.participant(role, undefined);
  return member?.role === role ? text : messages.roleNotConfirmed(text);
}

/** Those that are shown with the people. */
const POWERS = ['admit', 'lock', 'mute', 'end'] as const;
