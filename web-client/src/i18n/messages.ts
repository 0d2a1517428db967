import type { QuietroomErrorCode } from '../error';
import type { DeviceSource } from '../media/devices';
import type { AudioOnlyReason } from '../room/events';
import type { QualityCause } from '../signaling/protocol/QualityCause';
import type { Role } from '../signaling/protocol/Role';
import type { PersonAction } from './powers';
import type { REACTIONS } from './reactions';

/** Every text of the element, so that a language is one object. */
export interface Messages {
  readonly you: string;
  readonly youNamed: (name: string) => string;
  /** Somebody in the group whom the server does not show. */
  readonly unknown: string;
  /** What somebody is called; `number` tells several of one role apart. */
  readonly participant: (role: Role, number: number | undefined) => string;
  /** Somebody whose name is another's too, or looks like a role. */
  readonly toldApart: (name: string, who: string) => string;
  readonly roleUnknown: string;
  /** Of a role that the server says and the person does not. */
  readonly roleNotConfirmed: (role: string) => string;
  readonly warnings: Record<
    'sender-mismatch' | 'undecryptable' | 'role-mismatch' | 'key-changed',
    (name: string) => string
  >;
  /** To be said of members of the group whom the server does not show. */
  readonly hiddenMember: string;
  /** Own sound or pictures are held back. */
  readonly unsent: string;
  readonly tile: (name: string, microphone: boolean, camera: boolean) => string;
  readonly microphoneOff: string;
  /** Beside the name of somebody whose connection is not good. */
  readonly quality: (level: 'weak' | 'poor', cause: QualityCause | undefined) => string;
  /** On a tile whose picture the connection does not take. */
  readonly videoPaused: string;
  /** On a tile whose picture its owner's connection does not take. */
  readonly videoPausedThere: string;
  /** The same on the own tile, and as a notice. */
  readonly cameraPaused: string;
  readonly cameraPausedNotice: string;
  /** Why no picture comes, in the place of a word on each tile. */
  readonly audioOnly: Record<AudioOnlyReason, string>;
  readonly hidePictures: string;
  readonly showPictures: string;
  /** The name of a button that is pressed or not. */
  readonly pin: (name: string) => string;
  /** Said when the first picture is paused, and when none is any more. */
  readonly somePaused: string;
  readonly nonePaused: string;
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
  /** The button's whole name while somebody waits to be let in. */
  readonly peopleWaiting: (count: number) => string;
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
  readonly waitingRoom: string;
  readonly awaitingAdmission: string;
  readonly hostAbsent: string;
  readonly waitingAdvice: string;
  readonly consentTitle: string;
  readonly consentVersion: (version: string) => string;
  readonly consentAdvice: string;
  readonly agree: string;
  readonly disagree: string;
  /** What can be done with the session as a whole. */
  readonly session: string;
  /** `name`: of the first; empty if it is not known. */
  readonly somebodyWaits: (count: number, name: string) => string;
  readonly showWaiting: string;
  readonly admit: string;
  readonly admitPerson: (name: string) => string;
  readonly admitAll: string;
  readonly refuse: string;
  readonly refusePerson: (name: string) => string;
  readonly tellWaiting: string;
  readonly toldWaiting: string;
  /** To somebody who waits; `name` is empty if it is not known. */
  readonly noted: (name: string, text: string) => string;
  readonly lock: string;
  readonly unlock: string;
  readonly locked: string;
  readonly muteAll: string;
  readonly endForAll: string;
  readonly endTitle: string;
  readonly endText: string;
  readonly actionsOn: (name: string) => string;
  readonly actions: Record<PersonAction, string>;
  readonly remove: string;
  readonly removeTitle: (name: string) => string;
  readonly removeText: string;
  readonly cancel: string;
  readonly understood: string;
  readonly notNow: string;
  readonly asked: (name: string, source: DeviceSource) => string;
  readonly turnOn: Record<DeviceSource, string>;
  readonly mutedBy: (name: string, source: DeviceSource) => string;
  readonly shareStoppedBy: (name: string) => string;
  readonly sessionEnding: (minutes: number) => string;
  readonly inactivity: (seconds: number) => string;
  readonly stillHere: string;
  /** To whoever stands in for a host who is not there. */
  readonly hosting: string;
  readonly emergency: string;
  readonly emergencyAdvice: string;
  readonly emergencyPlace: string;
  readonly emergencyContact: string;
  readonly emergencyTell: string;
  readonly emergencyTold: string;
  /** To the therapist. */
  readonly emergencyWhere: string;
  readonly emergencyOf: (name: string) => string;
  readonly observes: string;
  readonly observing: string;
  /** Ends that are neither the person's own wish nor a failure. */
  readonly endings: Partial<Record<QuietroomErrorCode, string>>;
}

const DEVICES: Record<DeviceSource, string> = { microphone: 'microphone', camera: 'camera' };

const ROLES: Record<Role, string> = {
  host: 'Therapist',
  'co-host': 'Co-therapist',
  client: 'Participant',
  observer: 'Observer',
  interpreter: 'Interpreter',
};

const CAUSES: Record<QualityCause, string> = {
  'uplink-loss': 'much of what it sends is lost',
  'downlink-loss': 'much of what it receives is lost',
  delay: 'long delay',
  'slow-downlink': 'too slow for all video',
  'slow-uplink': 'too slow to send video',
};

/** English. */
export const english: Messages = {
  you: 'You',
  youNamed: (name) => `${name} (you)`,
  unknown: 'Somebody who is not shown',
  participant: (role, number) => (number === undefined ? ROLES[role] : `${ROLES[role]} ${number}`),
  toldApart: (name, who) => `${name} (${who})`,
  roleUnknown: 'Role not known',
  roleNotConfirmed: (role) => `${role} (not confirmed)`,
  warnings: {
    'sender-mismatch': (name) =>
      `Sound or pictures that came as those of ${name} were not of the person whom the server named, and are hidden. If it does not end, leave the room and tell the clinic.`,
    undecryptable: (name) =>
      `What comes from ${name} cannot be decrypted, and is not shown. If it does not end, join again.`,
    'role-mismatch': (name) =>
      `${name} says to have another role than the server says. Ask who it is, and tell the clinic.`,
    'key-changed': (name) =>
      `The key of ${name} has changed, so it may be somebody else now. Compare the safety code, or leave the room and tell the clinic.`,
  },
  hiddenMember:
    'Somebody who is not shown can see and hear the session. Look at the list of people; if nobody knows who it is, leave the room and tell the clinic.',
  unsent:
    'Your sound or picture cannot be encrypted and is not sent. If it does not end, join again.',
  tile: (name, microphone, camera) =>
    `${name}: microphone ${microphone ? 'on' : 'off'}, camera ${camera ? 'on' : 'off'}`,
  microphoneOff: 'Microphone off',
  quality: (level, cause) =>
    `${level === 'weak' ? 'Weak' : 'Poor'} connection${cause === undefined ? '' : `: ${CAUSES[cause]}`}`,
  videoPaused: 'Video paused: your connection is slow',
  videoPausedThere: 'Video paused: their connection is slow',
  cameraPaused: 'Your camera is paused: your connection is slow',
  cameraPausedNotice:
    'Your camera is paused: your connection is slow. The others hear you. It comes back by itself.',
  audioOnly: {
    'slow-connection': 'Audio only: your connection is slow. Video comes back by itself.',
    chosen: 'Audio only: you have turned video off. Nothing of it is sent to you.',
  },
  hidePictures: 'Audio only',
  showPictures: 'Show video',
  pin: (name) => `Show ${name} large`,
  somePaused: 'Some video is paused: your connection is slow. Sound goes on.',
  nonePaused: 'All video is back.',
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
  peopleWaiting: (count) => `People, ${count} waiting`,
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
  waitingRoom: 'Waiting room',
  awaitingAdmission: 'The therapist will let you in.',
  hostAbsent: 'The therapist is not here yet. You can wait on this page.',
  waitingAdvice: 'Nobody sees or hears you yet. Only you see this picture.',
  consentTitle: 'Before you come in',
  consentVersion: (version) => `Version ${version}`,
  consentAdvice:
    'Nobody sees or hears you before you agree. That you agreed, and when, is recorded.',
  agree: 'I agree',
  disagree: 'I do not agree',
  session: 'Session',
  somebodyWaits: (count, name) =>
    count === 1
      ? `${name === '' ? 'Somebody' : name} is waiting to be let in.`
      : `${count} people are waiting to be let in.`,
  showWaiting: 'Show',
  admit: 'Let in',
  admitPerson: (name) => `Let in ${name}`,
  admitAll: 'Let all in',
  refuse: 'Refuse',
  refusePerson: (name) => `Refuse ${name}`,
  tellWaiting: 'Write to those who wait',
  toldWaiting: 'Sent.',
  noted: (name, text) => `${name === '' ? ROLES.host : name}: ${text}`,
  lock: 'Lock the room',
  unlock: 'Unlock the room',
  locked: 'The room is locked: nobody new can come in.',
  muteAll: 'Mute all',
  endForAll: 'End for all',
  endTitle: 'End the session for all?',
  endText: 'Everybody leaves at once, and nobody can come back to this session.',
  actionsOn: (name) => `What you can do about ${name}`,
  actions: {
    'mute-microphone': 'Mute',
    'ask-microphone': 'Ask to unmute',
    'mute-camera': 'Stop camera',
    'ask-camera': 'Ask for camera',
    'stop-share': 'Stop sharing',
    remove: 'Remove',
  },
  remove: 'Remove',
  removeTitle: (name) => `Remove ${name}?`,
  removeText: 'This person leaves at once, and cannot come back with the same link.',
  cancel: 'Cancel',
  understood: 'OK',
  notNow: 'Not now',
  asked: (name, source) => `${name} asks you to turn on your ${DEVICES[source]}.`,
  turnOn: { microphone: 'Unmute', camera: 'Start camera' },
  mutedBy: (name, source) => `${name} turned off your ${DEVICES[source]}.`,
  shareStoppedBy: (name) => `${name} ended the sharing of your screen.`,
  sessionEnding: (minutes) =>
    `The session ends for all in ${minutes === 1 ? 'one minute' : `${minutes} minutes`}.`,
  inactivity: (seconds) =>
    `Are you still here? Otherwise you will be logged off in ${seconds} seconds.`,
  stillHere: 'I’m still here',
  hosting: 'The therapist is not here. You lead the session until the therapist is back.',
  emergency: 'In an emergency',
  emergencyAdvice:
    'Tell the therapist where you are and whom to call. It is encrypted for the therapist: nobody else in the session can read it.',
  emergencyPlace: 'Where I am',
  emergencyContact: 'Whom to call',
  emergencyTell: 'Tell the therapist',
  emergencyTold: 'Sent. A therapist who comes later gets it too.',
  emergencyWhere: 'Where this person is',
  emergencyOf: (name) => `In an emergency: ${name}`,
  observes: 'Observer',
  observing: 'You observe: the others see that you are here, and neither see nor hear you.',
  endings: {
    'session-ended': 'The session is over',
    removed: 'You were removed from the session',
    refused: 'You were not let in',
    inactive: 'You were logged off',
  },
};
