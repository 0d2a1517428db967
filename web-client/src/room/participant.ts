import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { Role } from '../signaling/protocol/Role';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { Publication } from '../media/publish';
import { Track } from './track';

/** Somebody in the room: another one, or the one this client is for. */
export type Participant = RemoteParticipant | LocalParticipant;

/** Another participant, as far as signaling tells. */
export class RemoteParticipant {
  readonly id: string;
  readonly isLocal = false;
  #state: ParticipantState;
  #tracks: Partial<Record<PublicationSource, Track>> = {};

  constructor(state: ParticipantState) {
    this.id = state.id;
    this.#state = state;
  }

  get role(): Role {
    return this.#state.role;
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

  #wrap(publication: Publication): Track | undefined {
    const media = publication.track;
    if (media === undefined) return undefined;
    const track = this.#tracks.get(media) ?? new Track(publication.source, media);
    this.#tracks.set(media, track);
    return track;
  }
}
