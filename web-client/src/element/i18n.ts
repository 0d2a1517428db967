import type { Role } from '../signaling/protocol/Role';
import type { REACTIONS } from './reactions';

/** Every text of the element, so that a language is one object. */
export interface Messages {
  readonly you: string;
  readonly youNamed: (name: string) => string;
  /** Somebody in the group whom the server does not show. */
  readonly unknown: string;
  /** What somebody is called; `number` tells several of one role apart. */
  readonly participant: (role: Role, number: number | undefined) => string;
  readonly tile: (name: string, microphone: boolean, camera: boolean) => string;
  readonly microphoneOff: string;
  readonly handRaised: string;
  readonly hidden: string;
  readonly everyone: string;
  readonly controls: string;
  readonly mute: string;
  readonly unmute: string;
  readonly stopCamera: string;
  readonly startCamera: string;
  readonly raiseHand: string;
  readonly lowerHand: string;
  readonly shareScreen: string;
  readonly stopSharing: string;
  readonly sharing: string;
  readonly screenOf: (name: string) => string;
  readonly sharedScreens: string;
  readonly react: string;
  readonly reactions: Record<(typeof REACTIONS)[number], string>;
  readonly reacted: (name: string, reaction: string) => string;
  readonly raisedHand: (name: string) => string;
  readonly people: string;
  readonly chat: string;
  /** The button's whole name while there are unread messages. */
  readonly chatUnread: (count: number) => string;
  readonly chatEmpty: string;
  readonly chatWrite: string;
  readonly chatSend: string;
  /** Said to those who cannot see the chat just now. */
  readonly wrote: (name: string, text: string) => string;
  readonly close: string;
  readonly leave: string;
  readonly joinAgain: string;
  readonly tapToHear: string;
  readonly connecting: string;
  readonly reconnecting: string;
  readonly notYetEncrypted: string;
  readonly encrypted: string;
  readonly safetyCode: string;
  readonly safetyAdvice: string;
  readonly compared: string;
  readonly comparedWith: (name: string) => string;
  readonly alone: string;
  readonly others: (count: number) => string;
  readonly left: string;
  readonly leftDetail: string;
  readonly failed: string;
  readonly notJoined: string;
}

const ROLES: Record<Role, string> = {
  host: 'Therapist',
  'co-host': 'Co-therapist',
  client: 'Participant',
  observer: 'Observer',
  interpreter: 'Interpreter',
};

/** English. */
export const english: Messages = {
  you: 'You',
  youNamed: (name) => `${name} (you)`,
  unknown: 'Somebody who is not shown',
  participant: (role, number) => (number === undefined ? ROLES[role] : `${ROLES[role]} ${number}`),
  tile: (name, microphone, camera) =>
    `${name}: microphone ${microphone ? 'on' : 'off'}, camera ${camera ? 'on' : 'off'}`,
  microphoneOff: 'Microphone off',
  handRaised: 'Hand raised',
  hidden: 'Hidden: it was not this person',
  everyone: 'Everyone in the room',
  controls: 'Controls',
  mute: 'Mute',
  unmute: 'Unmute',
  stopCamera: 'Stop camera',
  startCamera: 'Start camera',
  raiseHand: 'Raise hand',
  lowerHand: 'Lower hand',
  shareScreen: 'Share screen',
  stopSharing: 'Stop sharing',
  sharing: 'Everyone sees your screen.',
  screenOf: (name) => `Screen of ${name}`,
  sharedScreens: 'Shared screens',
  react: 'React',
  reactions: {
    '👍': 'Thumbs up',
    '👏': 'Applause',
    '❤️': 'Heart',
    '😂': 'Laughing',
    '😮': 'Surprised',
    '🙏': 'Thank you',
  },
  reacted: (name, reaction) => `${name}: ${reaction}`,
  raisedHand: (name) => `${name} raised a hand.`,
  people: 'People',
  chat: 'Chat',
  chatUnread: (count) => `Chat, ${count === 1 ? 'one new message' : `${count} new messages`}`,
  chatEmpty:
    'Nothing was written yet. Only the people in the room can read what you write, and nothing is kept after the session.',
  chatWrite: 'Write to everyone',
  chatSend: 'Send',
  wrote: (name, text) => `${name} wrote: ${text}`,
  close: 'Close',
  leave: 'Leave',
  joinAgain: 'Join again',
  tapToHear: 'Tap to hear the others',
  connecting: 'Connecting…',
  reconnecting: 'The connection was interrupted. Reconnecting…',
  notYetEncrypted: 'Setting up encryption…',
  encrypted: 'End-to-end encrypted',
  safetyCode: 'Safety code',
  safetyAdvice:
    'Read the code to one another. If it is the same for everyone, nobody but the people in this list can see or hear the session. It changes when somebody comes or leaves.',
  compared: 'Compared',
  comparedWith: (name) => `The code was compared with ${name}`,
  alone: 'Nobody else is here yet.',
  others: (count) => (count === 1 ? 'One other person is here.' : `${count} others are here.`),
  left: 'You have left',
  leftDetail: 'Your microphone and camera are off.',
  failed: 'The session was interrupted',
  notJoined: 'You could not join',
};
