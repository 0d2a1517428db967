import type { RemoteParticipant } from '../room/participant';
import type { Room } from '../room/room';
import type { ConfirmationElement } from './confirmation';
import type { Messages } from '../i18n/messages';
import type { PowerRequest } from './session-controls';

/** What somebody with power may ask of or do to another. */
export type PersonAction =
  'mute-microphone' | 'ask-microphone' | 'mute-camera' | 'ask-camera' | 'stop-share' | 'remove';

/** What this client may do to `participant` just now. Over hosts, only hosts have power. */
export function personActions(room: Room, participant: RemoteParticipant): PersonAction[] {
  const { permissions } = room.rules;
  const isAbove = participant.role !== 'host' || room.localParticipant.role === 'host';
  const actions: PersonAction[] = [];
  if (permissions.has('mute')) {
    // Whoever only listens has nothing to turn on.
    if (participant.role !== 'observer') {
      if (!participant.microphoneEnabled) actions.push('ask-microphone');
      else if (isAbove) actions.push('mute-microphone');
      if (!participant.cameraEnabled) actions.push('ask-camera');
      else if (isAbove) actions.push('mute-camera');
    }
    if (participant.isSharingScreen && isAbove) actions.push('stop-share');
  }
  if (permissions.has('remove') && isAbove) actions.push('remove');
  return actions;
}

/** Does `action` to somebody, called `name`; asks first if it cannot be taken back. May throw `not-connected`. */
export function actOnPerson(
  room: Room,
  participantId: string,
  action: PersonAction,
  name: string,
  { confirmation, messages, attempt }: Asking,
): void {
  const { rules } = room;
  switch (action) {
    case 'mute-microphone':
      rules.mute(participantId, 'microphone');
      break;
    case 'mute-camera':
      rules.mute(participantId, 'camera');
      break;
    case 'ask-microphone':
      rules.ask(participantId, 'microphone');
      break;
    case 'ask-camera':
      rules.ask(participantId, 'camera');
      break;
    case 'stop-share':
      rules.stopShare(participantId);
      break;
    case 'remove':
      void confirmation.ask({
        title: messages.removeTitle(name),
        text: messages.removeText,
        label: messages.remove,
        act: () => {
          attempt(() => {
            rules.remove(participantId);
          });
        },
      });
      break;
  }
}

/** Does what is asked for with the session as a whole, as {@link actOnPerson}. */
export function actOnSession(
  room: Room,
  request: PowerRequest,
  { confirmation, messages, attempt }: Asking,
): void {
  const { rules } = room;
  switch (request.action) {
    case 'admit':
      rules.admit([request.participantId]);
      break;
    case 'refuse':
      rules.refuse(request.participantId);
      break;
    case 'tell-waiting':
      rules.tellWaiting(request.text);
      break;
    case 'admit-all':
      rules.admit(request.participantIds);
      break;
    case 'lock':
    case 'unlock':
      rules.lock(request.action === 'lock');
      break;
    case 'mute-all':
      rules.muteAll();
      break;
    case 'end':
      void confirmation.ask({
        title: messages.endTitle,
        text: messages.endText,
        label: messages.endForAll,
        act: () => {
          attempt(() => {
            rules.endForAll();
          });
        },
      });
      break;
  }
}

/** What is asked before, and told after. */
export interface Asking {
  readonly confirmation: ConfirmationElement;
  readonly messages: Messages;
  /** Does it, and tells the person if that fails. */
  readonly attempt: (act: () => void) => void;
}
