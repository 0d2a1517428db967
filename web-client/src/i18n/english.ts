import { SENTENCES } from '../error';
import type { DeviceSource } from '../media/devices';
import type { QualityCause } from '../signaling/protocol/QualityCause';
import type { Role } from '../signaling/protocol/Role';
import type { Messages } from './messages';

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

const OWN_CAUSES: Record<QualityCause, string> = {
  'uplink-loss': 'much of what you send is lost',
  'downlink-loss': 'much of what you receive is lost',
  delay: 'what you say arrives late',
  'slow-downlink': 'too slow for all video',
  'slow-uplink': 'too slow to send video',
};

const SYSTEM_STEP =
  'If they are allowed already, allow them to the browser in the computer’s settings too, under “Privacy”.';

/** The element in English. */
export const english: Messages = {
  language: 'en',
  direction: 'ltr',
  errors: SENTENCES,
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
  ownQuality: (level, cause) =>
    `Your connection is ${level}${cause === undefined ? '' : `: ${OWN_CAUSES[cause]}`}.`,
  videoPaused: 'Video paused: your connection is slow',
  videoPausedThere: 'Video paused: their connection is slow',
  reconnectingThere: 'Reconnecting…',
  cameraPaused: 'Your camera is paused: your connection is slow',
  cameraPausedNotice:
    'Your camera is paused: your connection is slow. The others hear you. It comes back by itself.',
  path: {
    tcp: 'Connected through your network’s web port',
    'relay-udp': 'Connected through a relay',
    'relay-tcp': 'Connected through your network’s web port',
    'relay-tls': 'Connected through your network’s web port',
  },
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
  reacted: (names, count, reaction) => `${count > 3 ? `${count} people` : names}: ${reaction}`,
  raisedHand: (names, count) => `${count > 3 ? `${count} people` : names} raised a hand.`,
  handRaisedAs: (place) => `Hand raised, number ${place} in turn`,
  cameIn: (names, count) => (count > 3 ? `${count} people came in.` : `${names} came in.`),
  wentAway: (names, count) => (count > 3 ? `${count} people left.` : `${names} left.`),
  lostConnection: (names, count) => `${count > 3 ? `${count} people` : names} lost the connection.`,
  connectionGone: (names, count) =>
    count > 3
      ? `${count} people are reconnecting.`
      : `${names} ${count === 1 ? 'is' : 'are'} reconnecting.`,
  connectionBack: (names, count) =>
    count > 3
      ? `${count} people are connected again.`
      : `${names} ${count === 1 ? 'is' : 'are'} connected again.`,
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
  interruptions: {
    asleep: 'This device was asleep. Reconnecting…',
    offline: 'This device has no network. It reconnects by itself when the network is back.',
  },
  away: 'Until the connection is back, nothing that you write or show reaches anybody. You can leave.',
  awayWriting: 'What you write stays here. You can send it when the connection is back.',
  awayPowers:
    'You have no connection to the room: you can do this when it is back. Until then the session may go on without you.',
  notYetEncrypted: 'Setting up encryption…',
  encrypted: 'End-to-end encrypted',
  notInGroup: 'Not yet in the encrypted session',
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
  backToWaiting:
    'Stay on this page: for two minutes it tries to connect again, and takes you back to the waiting room.',
  consentTitle: 'Before you come in',
  consentVersion: (version) => `Version ${version}`,
  consentAdvice:
    'Nobody sees or hears you before you agree. That you agreed, and when, is recorded; those who lead the session see that you did.',
  agree: 'I agree',
  disagree: 'I do not agree',
  session: 'Session',
  consented: (version) => `Agreed to the text, version ${version}`,
  notConsented: 'Has not agreed to the text',
  talkTime: 'Who talks how much',
  talkTimeAdvice:
    'Roughly, and only of those who are here. It is reckoned on this computer, sent to nobody, and gone when you close the page.',
  talkTimePending: 'Too little has been said yet.',
  talkShares: {
    'hardly-any': 'Hardly any',
    little: 'A little',
    quarter: 'About a quarter',
    third: 'About a third',
    half: 'About half',
    'two-thirds': 'About two thirds',
    'three-quarters': 'About three quarters',
    'nearly-all': 'Nearly all',
  },
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
  notTold: (names) => `Not to ${names}: nothing can be written there yet.`,
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
  greenRoom: 'Before you join',
  onlyYouSee: 'Only you see this picture.',
  askingForDevices:
    'Your browser asks whether this page may use your microphone and camera, so that you can be heard and seen. Choose “Allow”.',
  openingDevices: 'Starting your camera…',
  cameraIsOff: 'Your camera is off.',
  yourName: 'Your name',
  whoSeesName: 'Only the people in the session see it.',
  join: 'Join',
  joinWithoutCamera: 'Join without camera',
  devices: 'Devices',
  deviceKinds: { microphone: 'Microphone', camera: 'Camera', speaker: 'Loudspeaker' },
  defaultDevice: 'As the computer is set',
  blurBackground: 'Blur what is behind me',
  backgroundBlurred: 'Your computer blurs what is behind you.',
  unnamedDevice: (kind, number) => `${kind} ${number}`,
  saySomething: 'Say something: the bar should move.',
  heard: 'Your microphone works.',
  testSpeaker: 'Play a sound',
  speakerTested:
    'Did you hear three tones? If not, turn up the volume or choose another loudspeaker.',
  connection: 'Connection',
  testConnection: 'Test my connection',
  testingConnection: 'Testing. This takes a few seconds…',
  connectionVerdicts: {
    good: 'Your connection works: sound and pictures get straight through.',
    relayed: 'Your connection works: sound and pictures get through by way of a relay.',
    'web-port':
      'Your connection works, but only in the way of web pages. If sound or pictures stutter, another network may help.',
    blocked:
      'This network lets no sound and no pictures through. Use another one, such as your phone’s.',
  },
  connectionSlow: 'It is slow: the others hear you late.',
  connectionNeeds: 'For whoever looks after this network: it should let through',
  permissionHelp: 'How to allow it',
  permissionSteps: {
    chromium: [
      'Press the icon at the left of the address bar.',
      'Turn on “Camera” and “Microphone”.',
      'If nothing happens, reload the page.',
      SYSTEM_STEP,
    ],
    'chromium-android': [
      'Press the icon at the left of the address bar, then “Permissions”.',
      'Allow “Camera” and “Microphone”, then reload the page.',
      'If they are not there, allow them for the browser in the phone’s settings, under “Apps”.',
    ],
    firefox: [
      'Press the crossed-out camera or microphone in the address bar.',
      'Press the × beside “Blocked”, then reload the page.',
      'Choose “Allow” when Firefox asks.',
      SYSTEM_STEP,
    ],
    safari: [
      'In the menu “Safari”, choose “Settings for this website”.',
      'Set “Camera” and “Microphone” to “Allow”, then reload the page.',
      SYSTEM_STEP,
    ],
    'safari-ios': [
      'Press the icon at the side of the address bar, then “Website Settings”.',
      'Set “Camera” and “Microphone” to “Allow”, then reload the page.',
      'If they are not there, look in the Settings app under “Safari”.',
    ],
    other: [
      'Look in the browser’s settings for what this page may do.',
      'Allow the camera and the microphone, then reload the page.',
    ],
  },
  more: 'More',
  showSpeaker: 'Show who speaks large',
  showAll: 'Show all alike',
  hideSelf: 'Hide own picture',
  showSelf: 'Show own picture',
  smallWindow: 'Small window',
  closeSmallWindow: 'Close small window',
  fullScreen: 'Full screen',
  leaveFullScreen: 'Leave full screen',
  shortcuts: 'Keyboard shortcuts',
  shortcutsAdvice: 'They work while the keyboard is in the session, and not while you write.',
  shortcutsOn: 'Use keyboard shortcuts',
  shortcutNames: {
    microphone: 'Microphone on or off',
    camera: 'Camera on or off',
    hand: 'Raise or lower the hand',
    chat: 'Open or close the chat',
    people: 'Open or close the list of people',
    view: 'Show who speaks large, or all alike',
    self: 'Hide or show the own picture',
    'full-screen': 'Full screen, or back',
    help: 'This list',
  },
  ownPanel: 'Notes',
  timer: 'You have been here for',
  cannotHearYou:
    'We can’t hear you. Perhaps the microphone has a switch that is off, or another one is chosen than you speak into.',
  chooseDevice: 'Choose another',
  stalled: {
    microphone:
      'Your microphone gives no sound: the computer or another program has stopped it. End a call in another program, or turn the microphone off and on.',
    camera:
      'Your camera gives no picture: the computer or another program has taken it. Close the other program, or turn the camera off and on.',
  },
  telephoneProfile:
    'Your headset works as a telephone just now, which muffles both what you hear and what you say. With another microphone, such as the computer’s own, it is clear again; keep the headset on.',
  useDevice: (label) => `Use “${label}”`,
  microphoneReplaced: (label) =>
    `Your microphone was unplugged. ${label === '' ? 'Another one' : label} is used now.`,
  wasInBackground: (microphone, camera) =>
    `While this page was in the background, the others could ${
      microphone && camera ? 'hear and see' : microphone ? 'hear' : 'see'
    } you.`,
  endings: {
    'session-ended': 'The session is over',
    removed: 'You were removed from the session',
    refused: 'You were not let in',
    inactive: 'You were logged off, as nobody seemed to be there',
    'not-connected': 'You have left, and what you did last was not sent',
  },
};
