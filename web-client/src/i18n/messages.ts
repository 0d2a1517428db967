import type { QuietroomErrorCode } from '../error';
import type { BrowserFamily } from '../browser/family';
import type { Shortcut } from '../element/shortcuts';
import type { DeviceKind } from '../media/device-choices';
import type { DeviceSource } from '../media/devices';
import type { AudioOnlyReason } from '../room/events';
import type { QualityCause } from '../signaling/protocol/QualityCause';
import type { Role } from '../signaling/protocol/Role';
import type { InterruptionCause } from '../element/interruption';
import type { PersonAction } from '../element/powers';
import type { REACTIONS } from '../element/reactions';
import type { RoughShare } from '../element/talk-time';
import type { NetworkVerdict } from '../transport/network-test';
import type { TransportPath } from '../transport/path';

/** Every text of the element, so that a language is one object; see {@link addLanguage}. */
export interface Messages {
  /** Which language this is (BCP 47), such as `pt` or `pt-BR`. */
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  /** What went wrong and what can be done about it, in a sentence each. */
  readonly errors: Record<QuietroomErrorCode, readonly [message: string, mend: string]>;
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
  /** The same of the own connection, as a line. */
  readonly ownQuality: (level: 'weak' | 'poor', cause: QualityCause | undefined) => string;
  /** On a tile whose picture the connection does not take. */
  readonly videoPaused: string;
  /** On a tile whose picture its owner's connection does not take. */
  readonly videoPausedThere: string;
  /** On a tile, and in the list of people, of somebody whose connection is gone for now. */
  readonly reconnectingThere: string;
  /** The pause on the own tile, and as a notice. */
  readonly cameraPaused: string;
  readonly cameraPausedNotice: string;
  /** Why no picture comes, in the place of a word on each tile. */
  readonly audioOnly: Record<AudioOnlyReason, string>;
  /** Which way media goes, if not straight over UDP. */
  readonly path: Record<Exclude<TransportPath, 'udp'>, string>;
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
  /** Of all who showed it within some seconds; `names` is a list, which may be too long to say. */
  readonly reacted: (names: string, count: number, reaction: string) => string;
  readonly raisedHand: (names: string, count: number) => string;
  /** Of a hand where several are up; `place` is whose turn it is, from 1. */
  readonly handRaisedAs: (place: number) => string;
  /** Said of all who came within some seconds; `names` is a list, which may be too long to say. */
  readonly cameIn: (names: string, count: number) => string;
  readonly wentAway: (names: string, count: number) => string;
  /** The same of those whose connection was gone before. */
  readonly lostConnection: (names: string, count: number) => string;
  /** Said of those whose connection is gone and may come back, and when it has. */
  readonly connectionGone: (names: string, count: number) => string;
  readonly connectionBack: (names: string, count: number) => string;
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
  /** The same, where this computer knows why. */
  readonly interruptions: Record<InterruptionCause, string>;
  /** In the room while what is written, shown or asked for would reach nobody. */
  readonly away: string;
  /** The same, beside what somebody writes. */
  readonly awayWriting: string;
  /** The same, beside what those with power may do. */
  readonly awayPowers: string;
  readonly notYetEncrypted: string;
  readonly encrypted: string;
  /** In the list of people: of somebody who is in the room and holds no keys. */
  readonly notInGroup: string;
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
  /** To somebody in the waiting room whose connection is interrupted. */
  readonly backToWaiting: string;
  readonly consentTitle: string;
  readonly consentVersion: (version: string) => string;
  readonly consentAdvice: string;
  readonly agree: string;
  readonly disagree: string;
  /** What can be done with the session as a whole. */
  readonly session: string;
  /** To those who lead: of somebody who agreed to the session's text. */
  readonly consented: (version: string) => string;
  readonly notConsented: string;
  /** How the talk is shared out, in words. */
  readonly talkTime: string;
  readonly talkTimeAdvice: string;
  /** Too little was said. */
  readonly talkTimePending: string;
  readonly talkShares: Record<RoughShare, string>;
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
  /** Nothing can be written yet to those of these names. */
  readonly notTold: (names: string) => string;
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
  /** Before the session: the person looks and listens whether all is well. */
  readonly greenRoom: string;
  readonly onlyYouSee: string;
  /** Before the browser puts its question, and while it does. */
  readonly askingForDevices: string;
  readonly openingDevices: string;
  readonly cameraIsOff: string;
  readonly yourName: string;
  readonly whoSeesName: string;
  readonly join: string;
  readonly joinWithoutCamera: string;
  readonly devices: string;
  readonly deviceKinds: Record<DeviceKind, string>;
  /** The device that the computer's settings choose. */
  readonly defaultDevice: string;
  /** Beside a box to tick; and said where the computer does it whatever the page wants. */
  readonly blurBackground: string;
  readonly backgroundBlurred: string;
  /** A device that the browser does not name. */
  readonly unnamedDevice: (kind: string, number: number) => string;
  readonly saySomething: string;
  readonly heard: string;
  readonly testSpeaker: string;
  readonly speakerTested: string;
  /** Before the session: what of sound and pictures gets through. */
  readonly connection: string;
  readonly testConnection: string;
  readonly testingConnection: string;
  readonly connectionVerdicts: Record<NetworkVerdict, string>;
  /** Said after a verdict. */
  readonly connectionSlow: string;
  /** Before a list of protocols, addresses and ports. */
  readonly connectionNeeds: string;
  /** How to allow what was refused. */
  readonly permissionHelp: string;
  /** One step each. */
  readonly permissionSteps: Record<BrowserFamily, readonly string[]>;
  /** The button of what is done less often, and what is behind it. */
  readonly more: string;
  readonly showSpeaker: string;
  readonly showAll: string;
  readonly hideSelf: string;
  readonly showSelf: string;
  readonly smallWindow: string;
  readonly closeSmallWindow: string;
  readonly fullScreen: string;
  readonly leaveFullScreen: string;
  readonly shortcuts: string;
  readonly shortcutsAdvice: string;
  readonly shortcutsOn: string;
  readonly shortcutNames: Record<Shortcut, string>;
  /** What the clinic shows beside the pictures, if it gives it no name. */
  readonly ownPanel: string;
  /** Before the time since the person came in. */
  readonly timer: string;
  /** The microphone is on and gives nothing. */
  readonly cannotHearYou: string;
  readonly chooseDevice: string;
  /** A device is on, and the computer or another program keeps it from giving anything. */
  readonly stalled: Record<DeviceSource, string>;
  /** The microphone is a Bluetooth headset's, which then sounds like a telephone. */
  readonly telephoneProfile: string;
  readonly useDevice: (label: string) => string;
  /** A device was unplugged and another one is used; `label` is empty if it has no name. */
  readonly microphoneReplaced: (label: string) => string;
  /** Said to whoever comes back to the page, of what was on meanwhile. */
  readonly wasInBackground: (microphone: boolean, camera: boolean) => string;
  /** Titles of ends that are more than the person's own wish, and no failure; said instead of the message in `errors`. */
  readonly endings: Partial<Record<QuietroomErrorCode, string>>;
}
