import type { GroupEpoch } from '../e2ee/messages';
import type { QuietroomError } from '../error';
import type { DeviceSource } from '../media/devices';
import type { PauseReason } from '../signaling/protocol/PauseReason';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { TransportPath } from '../transport/path';
import type { LocalParticipant, Participant, RemoteParticipant } from './participant';
import type { Warning } from './protection';
import type { Track } from './track';

/**
 * `reconnecting`: media or the connection to the server is interrupted and may
 * come back by itself; media flows as long as it can.
 * `disconnected` is final; {@link Room.error} says why if it was no leave.
 */
export type RoomState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/**
 * Why no picture comes, whoever is shown: the person wants none, or the
 * connection takes none beside the sound.
 */
export type AudioOnlyReason = 'chosen' | 'slow-connection';

/** When the steps of joining were done, by `performance.now()`, in ms. */
export interface RoomTimings {
  /** {@link Room.join} was called. */
  joinCalled?: number;
  /** The server let us in. */
  signaled?: number;
  /** The group took us in: frames can be encrypted and decrypted. */
  encrypted?: number;
  /** The server's session description is in force. */
  answered?: number;
  /** Media can flow. */
  connected?: number;
}

/** The events of a {@link Room}. */
export interface RoomEvents {
  /** {@link Room.state} is another one. */
  stateChanged: [state: RoomState];
  /** {@link Room.isRejoining} is another one. */
  rejoiningChanged: [isRejoining: boolean];
  /** Somebody came in; their tracks follow. */
  participantJoined: [participant: RemoteParticipant];
  /** Somebody's devices, role, name, raised hand, shared screen or paused pictures changed. */
  participantUpdated: [participant: RemoteParticipant];
  /** Somebody is gone for good; whoever lost the connection is `isReconnecting` first. */
  participantLeft: [participant: RemoteParticipant];
  /** Our own devices, id, role or shared screen changed, or the camera is paused or no longer. */
  localParticipantUpdated: [participant: LocalParticipant];
  /** A device of ours was unplugged and another one is used; `label` is empty if it has no name. */
  deviceReplaced: [source: DeviceSource, label: string];
  /** Somebody’s sound or picture can be shown; it comes when they turn it on. */
  trackSubscribed: [track: Track, participant: RemoteParticipant];
  /** The track ended, and was detached from all elements. */
  trackUnsubscribed: [track: Track, participant: RemoteParticipant];
  /** Somebody's connection, or our own, is better or worse than it was: see `quality`. */
  qualityChanged: [participant: Participant];
  /** Others than before speak, or somebody else leads: see {@link Room.speakers}. */
  speakersChanged: [speakers: readonly Participant[]];
  /** A picture that is shown does not come to this client for now, and why; or it comes again, without a reason. */
  pausedChanged: [
    participant: RemoteParticipant,
    source: PublicationSource,
    reason: PauseReason | undefined,
  ];
  /** {@link Room.audioOnly} is another one. */
  audioOnlyChanged: [reason: AudioOnlyReason | undefined];
  /** The group that encrypts the session has other members, and another safety code. */
  groupChanged: [group: GroupEpoch];
  /** The group put this client out: nothing is sent or shown until `groupChanged`, if that comes. */
  groupLost: [];
  /** Somebody wrote to all, this client included. */
  chatMessage: [participant: Participant, text: string];
  /** Somebody showed all an emoji, this client included. */
  reaction: [participant: Participant, reaction: string];
  /** {@link Room.path} is another one. */
  pathChanged: [path: TransportPath];
  /** {@link Room.warnings} are others. */
  warningsChanged: [warnings: readonly Warning[]];
  /** Something went wrong; it ended the stay only if {@link Room.error} is this error. */
  error: [error: QuietroomError];
}

/** Tells a {@link Room}'s listeners of something. */
export type Tell = <Name extends keyof RoomEvents>(name: Name, ...values: RoomEvents[Name]) => void;
