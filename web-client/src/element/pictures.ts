import { html, nothing, type TemplateResult } from 'lit';
import type { Participant, RemoteParticipant } from '../room/participant';
import type { Room } from '../room/room';
import { LOCAL, type Session } from './session';
import './tile';

/** Shared screens, and everybody's picture. */
export function renderPictures(room: Room, session: Session): TemplateResult {
  const { messages } = session;
  const { participants } = room;
  const sharing = participants.filter(({ isSharingScreen }) => isSharingScreen);
  return html`
    <div class=${sharing.length > 0 ? 'pictures sharing' : 'pictures'}>
      ${
        sharing.length === 0
          ? nothing
          : html`<ul class="stage" aria-label=${messages.sharedScreens}>
              ${sharing.map((participant) => renderScreen(participant, session))}
            </ul>`
      }
      <ul class="grid" aria-label=${messages.everyone}>
        ${participants.map((participant) => renderRemote(participant, session))}
        ${renderLocal(room, session)}
      </ul>
    </div>
  `;
}

function renderScreen(participant: RemoteParticipant, session: Session): TemplateResult {
  const { messages } = session;
  return html`<li>
    <quiet-room-tile
      screen
      data-screen=${participant.id}
      .messages=${messages}
      .label=${messages.screenOf(session.nameOf(participant))}
      .track=${participant.screenTrack}
      .camera=${true}
      .blanked=${participant.isScreenBlanked}
      .paused=${participant.screenPaused !== undefined}
    ></quiet-room-tile>
  </li>`;
}

function renderRemote(participant: RemoteParticipant, session: Session): TemplateResult {
  return html`<li>
    <quiet-room-tile
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
      .paused=${participant.videoPaused !== undefined}
      .compared=${session.isCompared(participant.member)}
      .reaction=${session.reactions.of(participant.id)}
      .note=${noteOn(participant, session)}
    ></quiet-room-tile>
  </li>`;
}

function renderLocal({ localParticipant }: Room, session: Session): TemplateResult {
  return html`<li>
    <quiet-room-tile
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
      .reaction=${session.reactions.of(LOCAL)}
      .note=${noteOn(localParticipant, session)}
    ></quiet-room-tile>
  </li>`;
}

/** Whoever only observes is seen to. */
function noteOn({ role, name }: Participant, { messages }: Session): string | undefined {
  return role === 'observer' && name !== '' ? messages.observes : undefined;
}
