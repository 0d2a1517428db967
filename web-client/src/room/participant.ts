import type { GroupMember } from '../e2ee/messages';
import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { Role } from '../signaling/protocol/Role';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { Publication } from '../media/publish';
import { Track } from './track';

/** Somebody in the room: another one, or the one this client is for. */
export type Participant = RemoteParticipant | LocalParticipant;

/** Another participant: devices by signaling's word, identity by the group's. */
export class RemoteParticipant {
  readonly id: string;
  readonly isLocal = false;
  #state: ParticipantState;
  #tracks: Partial<Record<PublicationSource, Track>> = {};
  #member: GroupMember | undefined;
  #name = '';
  #handRaised = false;
  #isBlanked = false;

  constructor(state: ParticipantState) {
    this.id = state.id;
    this.#state = state;
  }

  /** As the member says under its signature; as the server says before it is one. */
  get role(): Role {
    return this.#member?.role ?? this.#state.role;
  }

  /** As the person wants to be called; empty if it did not say. Comes encrypted. */
  get name(): string {
    return this.#name;
  }

  get handRaised(): boolean {
    return this.#handRaised;
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

  /** Whether the camera is on. */
  get cameraEnabled(): boolean {
    return this.#state.camera;
  }

  /** What is received of the microphone, be it on or off; absent while there is no slot. */
  get audioTrack(): Track | undefined {
    return this.#tracks.microphone;
  }

  /** What is received of the camera, be it on or off; absent while there is no slot. */
  get videoTrack(): Track | undefined {
    return this.#tracks.camera;
  }

  /** @internal */
  handleUpdate(state: ParticipantState): void {
    this.#state = state;
  }

  /** Returns whether anything is new. @internal */
  handleMember(member: GroupMember | undefined, name: string, handRaised: boolean): boolean {
    const isNews =
      this.#member?.key !== member?.key || this.#name !== name || this.#handRaised !== handRaised;
    this.#member = member;
    this.#name = name;
    this.#handRaised = handRaised;
    return isNews;
  }

  /** @internal */
  handleBlanked(isBlanked: boolean): void {
    this.#isBlanked = isBlanked;
  }

  /** @internal */
  handleSubscribed(microphone: Track, camera: Track): void {
    this.#tracks = { microphone, camera };
  }

  /** Returns the tracks that are no longer received, already detached. @internal */
  handleUnsubscribed(): Track[] {
    const tracks = [this.audioTrack, this.videoTrack].filter((track) => track !== undefined);
    this.#tracks = {};
    for (const track of tracks) track.detach();
    return tracks;
  }
}

/** The participant this client is for. */
export class LocalParticipant {
  readonly isLocal = true;
  readonly #microphone: Publication;
  readonly #camera: Publication;
  readonly #tracks = new WeakMap<MediaStreamTrack, Track>();
  #id: string | undefined;
  #role: Role | undefined;
  #name = '';
  #handRaised = false;

  constructor(microphone: Publication, camera: Publication) {
    this.#microphone = microphone;
    this.#camera = camera;
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

  get handRaised(): boolean {
    return this.#handRaised;
  }

  get microphoneEnabled(): boolean {
    return this.#microphone.track !== undefined;
  }

  get cameraEnabled(): boolean {
    return this.#camera.track !== undefined;
  }

  /** The own voice; for a level meter, not to be played. */
  get audioTrack(): Track | undefined {
    return this.#wrap(this.#microphone);
  }

  /** The own picture, for a preview. */
  get videoTrack(): Track | undefined {
    return this.#wrap(this.#camera);
  }

  /** Rejects with one of the `microphone-…` errors if it cannot be turned on. */
  setMicrophoneEnabled(enabled: boolean): Promise<void> {
    return this.#microphone.setEnabled(enabled);
  }

  /** Rejects with one of the `camera-…` errors if it cannot be turned on. */
  setCameraEnabled(enabled: boolean): Promise<void> {
    return this.#camera.setEnabled(enabled);
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

  #wrap(publication: Publication): Track | undefined {
    const media = publication.track;
    if (media === undefined) return undefined;
    const track = this.#tracks.get(media) ?? new Track(publication.source, media);
    this.#tracks.set(media, track);
    return track;
  }
}
