import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Participant, RemoteParticipant, VideoPause } from '../room/participant';
import type { Room } from '../room/room';
import type { Messages } from '../i18n/messages';
import { LOCAL, type Session } from './session';
import './tile';

/** Shared screens, and everybody's picture. */
export function renderPictures(room: Room, session: Session): TemplateResult {
  const { messages } = session;
  const { participants } = room;
  const sharing = participants.filter(({ isSharingScreen }) => isSharingScreen);
  return html`
    <div class=${sharing.length > 0 ? 'pictures sharing' : 'pictures'} part="pictures">
      ${
        sharing.length === 0
          ? nothing
          : html`<ul class="stage" aria-label=${messages.sharedScreens}>
              ${repeat(sharing, idOf, (participant) => renderScreen(participant, room, session))}
            </ul>`
      }
      <ul class="grid" aria-label=${messages.everyone}>
        ${repeat(participants, idOf, (participant) => renderRemote(participant, room, session))}
        ${session.isSelfHidden ? nothing : renderLocal(room, session)}
      </ul>
    </div>
  `;
}

/** Who stays keeps the tile, and with it the picture, when somebody else leaves. */
function idOf({ id }: RemoteParticipant): string {
  return id;
}

function renderScreen(
  participant: RemoteParticipant,
  room: Room,
  session: Session,
): TemplateResult {
  const { messages } = session;
  return html`<li>
    <quiet-room-tile
      part="tile"
      screen
      data-screen=${participant.id}
      .messages=${messages}
      .label=${messages.screenOf(session.nameOf(participant))}
      .track=${participant.screenTrack}
      .camera=${true}
      .blanked=${participant.isScreenBlanked}
      .pause=${pauseText(participant.screenPaused, room, messages)}
      .reconnecting=${participant.isReconnecting || room.isRejoining}
      .away=${awayText(participant, room, session)}
    ></quiet-room-tile>
  </li>`;
}

function renderRemote(
  participant: RemoteParticipant,
  room: Room,
  session: Session,
): TemplateResult {
  const isPinned = session.pinned === participant.id;
  const isFeatured = session.featured === participant;
  return html`<li class=${isFeatured ? 'pinned' : ''}>
    <quiet-room-tile
      part="tile"
      data-participant=${participant.id}
      .messages=${session.messages}
      .label=${session.nameOf(participant)}
      .track=${participant.videoTrack}
      .camera=${participant.cameraEnabled}
      .microphone=${participant.microphoneEnabled}
      .speaking=${participant.isSpeaking}
      .quality=${participant.quality}
      .handRaised=${participant.handRaised}
      .blanked=${participant.isBlanked}
      .pause=${pauseText(participant.videoPaused, room, session.messages)}
      .reconnecting=${participant.isReconnecting || room.isRejoining}
      .away=${awayText(participant, room, session)}
      .pinned=${isPinned}
      .compared=${session.isCompared(participant.member)}
      .reaction=${session.reactions.of(participant.id)}
      .note=${noteOn(participant, session)}
      @pin-toggle=${() => {
        session.togglePin(participant.id);
      }}
    ></quiet-room-tile>
  </li>`;
}

/** Nothing comes of them, be it that theirs or the own connection is gone. */
function awayText(
  participant: RemoteParticipant,
  room: Room,
  session: Session,
): string | undefined {
  const isAway = room.isRejoining || session.isAway(participant);
  return isAway ? session.messages.reconnectingThere : undefined;
}

function renderLocal({ localParticipant }: Room, session: Session): TemplateResult {
  return html`<li>
    <quiet-room-tile
      part="tile"
      mirrored
      data-local
      .messages=${session.messages}
      .label=${session.localName}
      .track=${localParticipant.videoTrack}
      .camera=${localParticipant.cameraEnabled}
      .microphone=${localParticipant.microphoneEnabled}
      .speaking=${localParticipant.isSpeaking}
      .quality=${localParticipant.quality}
      .handRaised=${localParticipant.handRaised}
      .pause=${localParticipant.cameraPaused ? session.messages.cameraPaused : undefined}
      .reaction=${session.reactions.of(LOCAL)}
      .note=${noteOn(localParticipant, session)}
    ></quiet-room-tile>
  </li>`;
}

/** One notice for all says why nothing comes at all. */
function pauseText(
  pause: VideoPause | undefined,
  { audioOnly }: Room,
  messages: Messages,
): string | undefined {
  if (pause === 'slow-uplink') return messages.videoPausedThere;
  if (audioOnly !== undefined) return '';
  return pause === undefined ? undefined : messages.videoPaused;
}

/** Whoever only observes is seen to. */
function noteOn({ role, name }: Participant, { messages }: Session): string | undefined {
  return role === 'observer' && name !== '' ? messages.observes : undefined;
}
