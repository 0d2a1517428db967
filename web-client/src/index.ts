export { QuietroomError, type ClientErrorCode, type QuietroomErrorCode } from './error';
export type { Emitter, Listener } from './events';
export { Room } from './room/room';
export type { AudioOnlyReason, RoomEvents, RoomState, RoomTimings } from './room/events';
export type { JoinOptions, RoomOptions } from './room/options';
export { TalkTime, type TalkShare } from './room/talk-time';
export {
  LocalParticipant,
  RemoteParticipant,
  type ConnectionQuality,
  type EmergencyInformation,
  type Participant,
  type VideoPause,
} from './room/participant';
export type {
  ConnectionStatistics,
  ReceivedStatistics,
  RoomStatistics,
  SentStatistics,
} from './room/statistics';
export { Track, type Layers } from './room/track';
export type { PictureSize } from './media/visibility';
export {
  SessionRules,
  type Caller,
  type ConsentRequest,
  type SessionRulesEvents,
  type WaitingNote,
} from './room/session-rules';
export type { Permission } from './signaling/protocol/Permission';
export type { WaitingReason } from './signaling/protocol/WaitingReason';
export type { PublicationSource } from './signaling/protocol/PublicationSource';
export type { PauseReason } from './signaling/protocol/PauseReason';
export type { QualityCause } from './signaling/protocol/QualityCause';
export type { QualityLevel } from './signaling/protocol/QualityLevel';
export type { VideoCodec } from './signaling/protocol/VideoCodec';
export type { Role } from './signaling/protocol/Role';
export type { Warning } from './room/protection';
export type { GroupEpoch, GroupMember, Place } from './e2ee/messages';
export { createIdentity, Identity, type IdentityOptions } from './e2ee/identity';
export { requestToken } from './e2ee/token-request';
export {
  testNetwork,
  type MediaAddress,
  type NetworkTest,
  type NetworkTestOptions,
  type NetworkVerdict,
  type PathResult,
} from './transport/network-test';
export type { TransportPath } from './transport/path';
export { AudioPlayback } from './media/autoplay';
export type { ScreenShareOptions } from './media/screen-share';
export { DeviceChoices, type Device, type DeviceKind } from './media/device-choices';
export type { BackgroundBlur } from './media/background-blur';
export type { DeviceSource } from './media/devices';
export { MicrophoneLevel } from './media/microphone-level';
