import type { GroupMember } from '../e2ee/messages';
import type { Place } from '../e2ee/messages';
import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { Role } from '../signaling/protocol/Role';
import type { PauseReason } from '../signaling/protocol/PauseReason';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import { backgroundBlurOf, type BackgroundBlur } from '../media/background-blur';
import type { Publication } from '../media/publish';
import type { ScreenShare } from '../media/screen-share';
import type { QualityCause } from '../signaling/protocol/QualityCause';
import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';
import type { QualityLevel } from '../signaling/protocol/QualityLevel';
import { Track } from './track';

/** How good a connection is by what the server measures, and what is worst where it is not good. */
export interface ConnectionQuality {
  /** By the server’s measure. */
  readonly level: QualityLevel;
  /** Absent where the level is good. */
  readonly cause?: QualityCause;
}

/**
 * Why a camera's picture does not come though it is on and shown:
 * `slow-connection` is our own, `slow-uplink` its owner's.
 */
export type VideoPause = PauseReason | 'slow-uplink';

/** Somebody in the room: another one, or the one this client is for. */
export type Participant = RemoteParticipant | LocalParticipant;

/** Where somebody is, and whom to call for them. Those who lead the session alone can read it. */
export interface EmergencyInformation {
  /** Where the person is; up to 200 characters. */
  readonly place: string;
  /** Whom to call; up to 200 characters. */
  readonly contact: string;
}

/** Another participant: devices by signaling's word, identity by the group's. */
export class RemoteParticipant {
  /** This stay’s; another stay of the same person has another one. */
  readonly id: string;
  /** Tells the two kinds of a {@link Participant} apart. */
  readonly isLocal = false;
  #state: ParticipantState;
  readonly #tracks: Partial<Record<PublicationSource, Track | undefined>> = {};
  #member: GroupMember | undefined;
  #name = '';
  #handRaised = false;
  #emergencyInformation: EmergencyInformation | undefined;
  #isBlanked = false;
  #isSharingScreen = false;
  #isScreenBlanked = false;
  #isSpeaking = false;
  #quality: ConnectionQuality = GOOD;
  readonly #pauses: Partial<Record<PublicationSource, PauseReason | undefined>> = {};
  #isAbsent = false;

  constructor(state: ParticipantState) {
    this.id = state.id;
    this.#state = state;
  }

  /** As the server read in the token. */
  get role(): Role {
    return this.#state.role;
  }

  /**
   * The wording of the session's text that this one has accepted, by the server's
   * word; absent where there is none, and here for all who may not let people in.
   */
  get consented(): string | undefined {
    return this.#state.consented;
  }

  /** Whether the member says the same of itself under its signature; not before it is one. */
  get isRoleConfirmed(): boolean {
    return this.#member?.role === this.#state.role;
  }

  /** As the person wants to be called; empty if it did not say. Comes encrypted. */
  get name(): string {
    return this.#name;
  }

  /** Whether the hand is raised, for all to see. */
  get handRaised(): boolean {
    return this.#handRaised;
  }

  /** What this one told those who lead the session; absent here for all others. */
  get emergencyInformation(): EmergencyInformation | undefined {
    return this.#emergencyInformation;
  }

  /** Who this is to the group; absent while it is not in it. */
  get member(): GroupMember | undefined {
    return this.#member;
  }

  /** Whether what came as this one's was somebody else's, and is hidden. */
  get isBlanked(): boolean {
    return this.#isBlanked;
  }

  /** Whether the microphone is on. */
  get microphoneEnabled(): boolean {
    return this.#state.microphone;
  }

  /** Whether this one speaks; pauses between words are part of it. By the server's word. */
  get isSpeaking(): boolean {
    return this.#isSpeaking && this.microphoneEnabled;
  }

  /** Whether the camera is on. */
  get cameraEnabled(): boolean {
    return this.#state.camera;
  }

  /** Whether a screen of this one's is shared, by the server's word. */
  get isSharingScreen(): boolean {
    return this.#isSharingScreen;
  }

  /** Whether what came as this one's screen was something else, and is hidden. */
  get isScreenBlanked(): boolean {
    return this.#isScreenBlanked;
  }

  /** The shared screen; absent while there is none. */
  get screenTrack(): Track | undefined {
    return this.#tracks.screen;
  }

  /** The shared screen's sound, be there any or not; absent while there is no screen. */
  get screenAudioTrack(): Track | undefined {
    return this.#tracks['screen-audio'];
  }

  /** Whether the server lost touch with this one, who may come back by itself. */
  get isReconnecting(): boolean {
    return this.#state.reconnecting || this.#isAbsent;
  }

  /**
   * Whether the last that the server said of this one is that the connection is
   * gone. Who then leaves did not walk out.
   */
  get hasLostConnection(): boolean {
    return this.#state.reconnecting;
  }

  /** What is received of the microphone, be it on or off; absent while there is no slot. */
  get audioTrack(): Track | undefined {
    return this.#tracks.microphone;
  }

  /** What is received of the camera, be it on or off; absent while there is no slot. */
  get videoTrack(): Track | undefined {
    return this.#tracks.camera;
  }

  /** Why the camera's picture does not come though it is shown; absent while it does. */
  get videoPaused(): VideoPause | undefined {
    return this.#state.cameraPaused === true ? 'slow-uplink' : this.#pauses.camera;
  }

  /** The same of the shared screen. */
  get screenPaused(): PauseReason | undefined {
    return this.#pauses.screen;
  }

  /** How good this one's connection to the server is. */
  get quality(): ConnectionQuality {
    return this.#quality;
  }

  /** @internal */
  handleQuality(quality: ConnectionQuality): void {
    this.#quality = quality;
  }

  /** @internal */
  handleSpeaking(isSpeaking: boolean): void {
    this.#isSpeaking = isSpeaking;
  }

  /** Returns whether it is news. @internal */
  handlePaused(source: PublicationSource, reason: PauseReason | undefined): boolean {
    if (this.#pauses[source] === reason) return false;
    this.#pauses[source] = reason;
    return true;
  }

  /** @internal */
  handleEmergency(information: EmergencyInformation): void {
    this.#emergencyInformation = information;
  }

  /** @internal */
  handleUpdate(state: ParticipantState): void {
    this.#state = state;
    this.#isAbsent = false;
  }

  /** The server does not know this one, and may yet. @internal */
  handleAbsent(): void {
    this.#isAbsent = true;
  }

  /** Returns whether anything is new. @internal */
  handleMember(member: GroupMember | undefined, name: string, handRaised: boolean): boolean {
    const isNews =
      MEMBER_FIELDS.some((field) => this.#member?.[field] !== member?.[field]) ||
      this.#name !== name ||
      this.#handRaised !== handRaised;
    this.#member = member;
    this.#name = name;
    this.#handRaised = handRaised;
    return isNews;
  }

  /** @internal */
  handleBlanked(place: Place, isBlanked: boolean): void {
    if (place === 'person') this.#isBlanked = isBlanked;
    else this.#isScreenBlanked = isBlanked;
  }

  /** @internal */
  handleSharing(isSharing: boolean): void {
    this.#isSharingScreen = isSharing;
  }

  /** @internal */
  handleSubscribed(tracks: readonly Track[]): void {
    for (const track of tracks) this.#tracks[track.source] = track;
  }

  /** Returns those of the tracks that were received, already detached. @internal */
  handleUnsubscribed(sources: readonly PublicationSource[]): Track[] {
    return sources.flatMap((source) => {
      const track = this.#tracks[source];
      if (track === undefined) return [];
      this.#tracks[source] = undefined;
      this.handlePaused(source, undefined);
      track.detach();
      return [track];
    });
  }
}

/** What somebody may have another one of in another epoch, and is shown. */
const MEMBER_FIELDS = ['key', 'room', 'role', 'sub'] as const;

/** The participant this client is for. */
export class LocalParticipant {
  /** Tells the two kinds of a {@link Participant} apart. */
  readonly isLocal = true;
  readonly #microphone: Publication;
  readonly #camera: Publication;
  readonly #screen: ScreenShare;
  readonly #tracks = new WeakMap<MediaStreamTrack, Track>();
  #id: string | undefined;
  #role: Role | undefined;
  #name = '';
  #handRaised = false;
  #isSpeaking = false;
  #quality: ConnectionQuality = GOOD;
  #capacity: UplinkCapacity = 'all';

  constructor(microphone: Publication, camera: Publication, screen: ScreenShare) {
    this.#microphone = microphone;
    this.#camera = camera;
    this.#screen = screen;
  }

  /** This stay's id; known once the server let us in. */
  get id(): string | undefined {
    return this.#id;
  }

  /** As the token says; known once the server let us in. */
  get role(): Role | undefined {
    return this.#role;
  }

  /** As given to {@link Room.join}. */
  get name(): string {
    return this.#name;
  }

  /** Whether the hand is raised, for all to see. */
  get handRaised(): boolean {
    return this.#handRaised;
  }

  /** Whether the microphone is on. */
  get microphoneEnabled(): boolean {
    return this.#microphone.track !== undefined;
  }

  /** Whether the others hear this one speak; see {@link RemoteParticipant.isSpeaking}. */
  get isSpeaking(): boolean {
    return this.#isSpeaking && this.microphoneEnabled;
  }

  /** Whether the camera is on. */
  get cameraEnabled(): boolean {
    return this.#camera.track !== undefined;
  }

  /** Whether the microphone is to be on and is not yet: the browser may be asking the person. */
  get microphoneOpening(): boolean {
    return this.#microphone.isOpening;
  }

  /** The same of the camera. */
  get cameraOpening(): boolean {
    return this.#camera.isOpening;
  }

  /** Whether the microphone is on, and the system or another program keeps it from giving sound. */
  get microphoneStalled(): boolean {
    return this.#microphone.isStalled;
  }

  /** The same of the camera. */
  get cameraStalled(): boolean {
    return this.#camera.isStalled;
  }

  /** Whether the camera is on and nothing of it is sent: the connection is slow. Ends by itself. */
  get cameraPaused(): boolean {
    return this.cameraEnabled && this.#capacity === 'sound-only';
  }

  /**
   * What the browser or the computer makes of what is behind the person; absent
   * while the camera is off, and where nothing is known of it. It is chosen by
   * {@link DeviceChoices.setBackgroundBlur}.
   */
  get backgroundBlur(): BackgroundBlur | undefined {
    const { track } = this.#camera;
    return track === undefined ? undefined : backgroundBlurOf(track);
  }

  /** Whether the others see a screen of ours. */
  get isSharingScreen(): boolean {
    return this.#screen.isSharing;
  }

  /** The own voice; for a level meter, not to be played. */
  get audioTrack(): Track | undefined {
    return this.#wrap('microphone', this.#microphone.track);
  }

  /** The own picture, for a preview. */
  get videoTrack(): Track | undefined {
    return this.#wrap('camera', this.#camera.track);
  }

  /** The own shared screen; absent while there is none. */
  get screenTrack(): Track | undefined {
    return this.#wrap('screen', this.#screen.track);
  }

  /** Rejects with one of the `microphone-…` errors if it cannot be turned on. */
  setMicrophoneEnabled(enabled: boolean): Promise<void> {
    return this.#microphone.setEnabled(enabled);
  }

  /** Rejects with one of the `camera-…` errors if it cannot be turned on. */
  setCameraEnabled(enabled: boolean): Promise<void> {
    return this.#camera.setEnabled(enabled);
  }

  /** How good this one's connection to the server is. */
  get quality(): ConnectionQuality {
    return this.#quality;
  }

  /** @internal */
  handleQuality(quality: ConnectionQuality): void {
    this.#quality = quality;
  }

  /** @internal */
  handleSpeaking(isSpeaking: boolean): void {
    this.#isSpeaking = isSpeaking;
  }

  /** Returns whether it is news for the person. @internal */
  handleUplink(capacity: UplinkCapacity): boolean {
    const before = this.cameraPaused;
    this.#capacity = capacity;
    return this.cameraPaused !== before;
  }

  /** @internal */
  handleJoined(id: string, role: Role): void {
    this.#id = id;
    this.#role = role;
  }

  /** @internal */
  handleProfile(name: string, handRaised: boolean): void {
    this.#name = name;
    this.#handRaised = handRaised;
  }

  #wrap(source: PublicationSource, media: MediaStreamTrack | undefined): Track | undefined {
    if (media === undefined) return undefined;
    const track = this.#tracks.get(media) ?? new Track(source, media);
    this.#tracks.set(media, track);
    return track;
  }
}

const GOOD: ConnectionQuality = { level: 'good' };
