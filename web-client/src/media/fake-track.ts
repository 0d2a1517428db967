/** A device's track without a device. */
export class FakeTrack extends EventTarget {
  enabled = true;
  muted = false;
  contentHint = '';
  label = '';
  deviceId = '';
  groupId = '';
  sampleRate: number | undefined;
  readyState: 'live' | 'ended' = 'live';

  constructor(readonly kind: 'audio' | 'video') {
    super();
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId, groupId: this.groupId };
  }

  getCapabilities(): MediaTrackCapabilities {
    return this.sampleRate === undefined
      ? {}
      : { sampleRate: { min: this.sampleRate, max: 48_000 } };
  }

  stop(): void {
    this.readyState = 'ended';
  }

  /** The device goes away by itself. */
  unplug(): void {
    this.stop();
    this.dispatchEvent(new Event('ended'));
  }

  /** The system keeps it from giving anything, or no longer. */
  stall(isStalled: boolean): void {
    this.muted = isStalled;
    this.dispatchEvent(new Event(isStalled ? 'mute' : 'unmute'));
  }

  asTrack(): MediaStreamTrack {
    return this as unknown as MediaStreamTrack;
  }
}

/** A stream of such tracks, as `getUserMedia` gives it. */
export function fakeStream(...tracks: FakeTrack[]): MediaStream {
  return { getTracks: () => tracks } as unknown as MediaStream;
}

/** In place of the browser's `MediaStream`. */
export class FakeMediaStream {
  #tracks: readonly unknown[];

  constructor(tracks: readonly unknown[] = []) {
    this.#tracks = tracks;
  }

  getTracks(): readonly unknown[] {
    return this.#tracks;
  }

  removeTrack(track: unknown): void {
    this.#tracks = this.#tracks.filter((one) => one !== track);
  }
}
