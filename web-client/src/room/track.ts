import { watchShownSize, type PictureSize } from '../media/visibility';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';

/** The highest layers wanted of a picture, each counted from 0; an absent one is no limit. */
export interface Layers {
  /** By size: 0 is a quarter of the full one each way, 1 a half, 2 the full one. */
  readonly spatial?: number | undefined;
  /** By pictures a second. */
  readonly temporal?: number | undefined;
}

/** What is wanted of a picture. */
export interface TrackView extends Layers {
  /** Absent: as large as can be. */
  readonly size: PictureSize | undefined;
  readonly isPinned: boolean;
}

/**
 * A participant's sound or picture, or that of a shared screen.
 *
 * Of a picture only as much comes as is shown: what {@link Track.attach} was
 * given is watched, and where it is small, little comes; where nobody can see
 * it, nothing does, and it is back within a second of being seen. Who shows
 * {@link Track.mediaStreamTrack} by other means says so by {@link Track.show}.
 */
export class Track {
  /** What it carries. */
  readonly source: PublicationSource;
  /** The browser’s own track; whoever shows it by other means than {@link Track.attach} calls {@link Track.show}. */
  readonly mediaStreamTrack: MediaStreamTrack;
  readonly #elements = new Map<HTMLMediaElement, Watched>();
  readonly #handleView: (() => void) | undefined;
  #shown: PictureSize | undefined;
  #wasAttached = false;
  #isPinned = false;
  #layers: Layers = {};

  /** Only what is received is watched; `handleView` hears that {@link Track.view} is another one. */
  constructor(
    source: PublicationSource,
    mediaStreamTrack: MediaStreamTrack,
    handleView?: () => void,
  ) {
    this.source = source;
    this.mediaStreamTrack = mediaStreamTrack;
    this.#handleView = KINDS[source] === 'video' ? handleView : undefined;
  }

  /** Sound or picture. */
  get kind(): 'audio' | 'video' {
    return KINDS[this.source];
  }

  /** Makes `element` render this track and nothing else. Playing it is up to the caller. */
  attach(element: HTMLMediaElement): void {
    const known = this.#elements.get(element);
    const stream = known?.stream ?? new MediaStream([this.mediaStreamTrack]);
    element.srcObject = stream;
    if (known !== undefined) return;
    const watched: Watched = { stream, size: undefined, stop: () => undefined };
    this.#elements.set(element, watched);
    this.#wasAttached = true;
    if (this.#handleView === undefined) return;
    watched.stop = watchShownSize(element, (size) => {
      watched.size = size;
      this.#handleView?.();
    });
    this.#handleView();
  }

  /**
   * Blanks `element`, or all elements this track was attached to. Happens by
   * itself when the track is unsubscribed, so that no picture stays behind.
   */
  detach(element?: HTMLMediaElement): void {
    const elements = element === undefined ? [...this.#elements.keys()] : [element];
    for (const attached of elements) {
      const watched = this.#elements.get(attached);
      if (watched === undefined) continue;
      watched.stop();
      this.#elements.delete(attached);
      if (renders(attached, this.mediaStreamTrack)) attached.srcObject = null;
      // Chromium keeps a stream for as long as its tracks, and a slot's are there to the end.
      watched.stream.removeTrack(this.mediaStreamTrack);
    }
    this.#handleView?.();
  }

  /**
   * Sets the size, in pixels of the screen, at which the picture is shown, in
   * place of what its elements tell; 0 by 0 hides it, `undefined` leaves it to
   * the elements again. Sound goes on whatever is said here.
   */
  show(size: PictureSize | undefined): void {
    if (size !== undefined) {
      for (const length of [size.width, size.height]) {
        if (!(length >= 0)) throw new RangeError(`${length} is no length`);
      }
    }
    this.#shown = size;
    this.#handleView?.();
  }

  /** Has this picture come before others that are not pinned, where not all can. */
  setPinned(isPinned: boolean): void {
    if (this.#isPinned === isPinned) return;
    this.#isPinned = isPinned;
    this.#handleView?.();
  }

  /**
   * Asks for no layers above these, whatever the size; throws a `RangeError`
   * for what is no layer's number.
   */
  limitLayers(layers: Layers): void {
    for (const layer of [layers.spatial, layers.temporal]) {
      if (layer !== undefined && !(Number.isInteger(layer) && layer >= 0 && layer <= 255)) {
        throw new RangeError(`${layer} is no layer`);
      }
    }
    this.#layers = layers;
    this.#handleView?.();
  }

  /** What the server is to know. @internal */
  get view(): TrackView {
    return {
      ...this.#layers,
      size: this.#shown ?? this.#sizeOfElements(),
      isPinned: this.#isPinned,
    };
  }

  /** The largest; `undefined` while it is not known. */
  #sizeOfElements(): PictureSize | undefined {
    if (!this.#wasAttached) return undefined;
    let largest: PictureSize = { width: 0, height: 0 };
    for (const { size } of this.#elements.values()) {
      if (size === undefined) return undefined;
      if (size.width * size.height > largest.width * largest.height) largest = size;
    }
    return largest;
  }
}

interface Watched {
  /** What the element was given. */
  readonly stream: MediaStream;
  /** `undefined` until it is known. */
  size: PictureSize | undefined;
  stop: () => void;
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
