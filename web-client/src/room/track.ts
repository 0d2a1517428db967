import type { PublicationSource } from '../signaling/protocol/PublicationSource';

/** A participant's sound or picture, or that of a shared screen. */
export class Track {
  readonly source: PublicationSource;
  readonly mediaStreamTrack: MediaStreamTrack;
  readonly #elements = new Set<HTMLMediaElement>();

  constructor(source: PublicationSource, mediaStreamTrack: MediaStreamTrack) {
    this.source = source;
    this.mediaStreamTrack = mediaStreamTrack;
  }

  get kind(): 'audio' | 'video' {
    return KINDS[this.source];
  }

  /** Makes `element` render this track and nothing else. Playing it is up to the caller. */
  attach(element: HTMLMediaElement): void {
    this.#elements.add(element);
    element.srcObject = new MediaStream([this.mediaStreamTrack]);
  }

  /**
   * Blanks `element`, or all elements this track was attached to. Happens by
   * itself when the track is unsubscribed, so that no picture stays behind.
   */
  detach(element?: HTMLMediaElement): void {
    const elements = element === undefined ? [...this.#elements] : [element];
    for (const attached of elements) {
      if (!this.#elements.delete(attached)) continue;
      if (renders(attached, this.mediaStreamTrack)) attached.srcObject = null;
    }
  }
}

const KINDS = {
  microphone: 'audio',
  camera: 'video',
  screen: 'video',
  'screen-audio': 'audio',
} as const satisfies Record<PublicationSource, 'audio' | 'video'>;

/** An element may have been given another track since. */
function renders(element: HTMLMediaElement, track: MediaStreamTrack): boolean {
  return element.srcObject instanceof MediaStream && element.srcObject.getTracks().includes(track);
}
