import type { QuietRoomElement } from '../../src/element/index';
import type { RemoteParticipant } from '../../src/index';

/** What one remote participant looks and sounds like to the person at this page. */
export interface Remote {
  readonly id: string;
  /** `null` while no `<video>` of the page shows this participant. */
  readonly picture: RemotePicture | null;
  /** `null` while no `<audio>` of the page plays this participant, or only a muted one. */
  readonly sound: RemoteSound | null;
}

export interface RemotePicture {
  /** Mean of the middle of the picture: red, green, blue. */
  readonly colour: readonly [number, number, number];
  /** Frames presented by this element so far. */
  readonly frames: number;
}

export interface RemoteSound {
  /** The loudest level seen while listening, in dBFS, for each frequency asked about, in the order asked. */
  readonly levels: readonly number[];
}

export interface JoinTimings {
  /** Milliseconds from the page's call of `join` to the first picture of somebody else on screen. */
  readonly firstFrame: number;
  /** Milliseconds from `join` to each mark that the room keeps. */
  readonly marks: Record<string, number>;
}

export interface Observer {
  /** Ids of the remote participants that the room knows. */
  ids(): string[];
  /** Number of tiles with a picture on the page, the own one not counted. */
  pictures(): number;
  /** Looks and listens for `listenMs`, then tells what each remote participant gave. */
  remotes(frequencies: readonly number[], listenMs: number): Promise<Remote[]>;
  /** Listens for `listenMs` to what each participant's shared screen gives to hear. */
  screens(frequencies: readonly number[], listenMs: number): Promise<(RemoteSound | null)[]>;
  /** Resolves with `Date.now()` as soon as a picture near `colour` of a participant not in `except` is presented. */
  sees(colour: readonly number[], except: readonly string[], timeoutMs: number): Promise<number>;
  /** Resolves with `Date.now()` as soon as participant `id` and its picture are gone. */
  misses(id: string, timeoutMs: number): Promise<number>;
  /** Whether the page is in a room, alone or not. */
  connected(): boolean;
  /** What the page tells the person, the text of its status and alert regions. */
  status(): string;
  /** `undefined` until somebody else's picture was presented. */
  timings(): JoinTimings | undefined;
}

declare global {
  interface Window {
    observer: Observer;
  }
}

/**
 * Runs in the page before its own scripts: serialised as a whole, so it uses
 * nothing from outside itself.
 */
export function installObserver(): void {
  const firstFrames = new WeakMap<MediaStreamTrack, number>();
  const presented = new WeakMap<HTMLVideoElement, number>();
  const analysers = new WeakMap<MediaStreamTrack, AnalyserNode>();
  let audioContext: AudioContext | undefined;

  // A poll of the document could miss the first frame; whoever sets the source cannot.
  const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    ...source,
    set(this: HTMLMediaElement, stream: MediaStream | null) {
      source?.set?.call(this, stream);
      const track = stream?.getVideoTracks()[0];
      if (track !== undefined && this instanceof HTMLVideoElement) {
        const count = (now: number): void => {
          if (!firstFrames.has(track)) firstFrames.set(track, now);
          presented.set(this, (presented.get(this) ?? 0) + 1);
          this.requestVideoFrameCallback(count);
        };
        this.requestVideoFrameCallback(count);
      }
    },
  });

  function element(): QuietRoomElement | null {
    return document.querySelector('quiet-room');
  }

  function participants(): RemoteParticipant[] {
    return [...(element()?.room?.participants ?? [])];
  }

  /** `querySelectorAll` through every shadow root. */
  function all<Found extends Element = Element>(selector: string): Found[] {
    const found: Found[] = [];
    const search = (root: Document | ShadowRoot): void => {
      found.push(...root.querySelectorAll<Found>(selector));
      for (const inner of root.querySelectorAll('*')) {
        if (inner.shadowRoot) search(inner.shadowRoot);
      }
    };
    search(document);
    return found;
  }

  function playing<Kind extends 'audio' | 'video'>(
    kind: Kind,
    track: MediaStreamTrack | undefined,
  ): HTMLElementTagNameMap[Kind] | undefined {
    if (track === undefined) return undefined;
    return all<HTMLElementTagNameMap[Kind]>(kind).find(
      ({ srcObject, paused }) =>
        !paused && srcObject instanceof MediaStream && srcObject.getTracks().includes(track),
    );
  }

  /** The element that shows the participant, unless something hides it or lies on it. */
  function video(participant: RemoteParticipant): HTMLVideoElement | undefined {
    const shown = playing('video', participant.videoTrack?.mediaStreamTrack);
    if (shown === undefined) return undefined;
    const { x, y, width, height } = shown.getBoundingClientRect();
    const root = shown.getRootNode() as Document | ShadowRoot;
    return root.elementFromPoint(x + width / 2, y + height / 2) === shown ? shown : undefined;
  }

  function look(shown: HTMLVideoElement): RemotePicture | null {
    // Firefox does not count the frames of a stream.
    const counted = shown.getVideoPlaybackQuality().totalVideoFrames;
    const frames = counted > 0 ? counted : (presented.get(shown) ?? 0);
    if (frames === 0 || shown.videoWidth === 0) return null;
    const canvas = new OffscreenCanvas(8, 8);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (context === null) throw new Error('the page gives no 2d canvas');
    const { videoWidth: width, videoHeight: height } = shown;
    context.drawImage(shown, width * 0.4, height * 0.4, width * 0.2, height * 0.2, 0, 0, 8, 8);
    const { data } = context.getImageData(0, 0, 8, 8);
    const sums: [number, number, number] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      sums[0] += data[at] ?? 0;
      sums[1] += data[at + 1] ?? 0;
      sums[2] += data[at + 2] ?? 0;
    }
    return { colour: [sums[0] / 64, sums[1] / 64, sums[2] / 64], frames };
  }

  function analyser(track: MediaStreamTrack): AnalyserNode {
    const known = analysers.get(track);
    if (known !== undefined) return known;
    audioContext ??= new AudioContext();
    const node = audioContext.createAnalyser();
    node.fftSize = 8192;
    node.smoothingTimeConstant = 0;
    audioContext.createMediaStreamSource(new MediaStream([track])).connect(node);
    analysers.set(track, node);
    return node;
  }

  function level(node: AnalyserNode, frequency: number): number {
    const spectrum = new Float32Array(node.frequencyBinCount);
    node.getFloatFrequencyData(spectrum);
    const bin = Math.round((frequency * node.fftSize) / node.context.sampleRate);
    return Math.max(-200, ...spectrum.subarray(bin - 2, bin + 3));
  }

  /** The loudest that is played of each participant's track, by id. */
  async function listen(
    trackOf: (participant: RemoteParticipant) => RemoteParticipant['audioTrack'],
    frequencies: readonly number[],
    listenMs: number,
  ): Promise<Map<string, number[]>> {
    const loudest = new Map<string, number[]>();
    const deadline = performance.now() + listenMs;
    while (performance.now() < deadline) {
      for (const participant of participants()) {
        const { mediaStreamTrack } = trackOf(participant) ?? {};
        const player = playing('audio', mediaStreamTrack);
        if (mediaStreamTrack === undefined || player === undefined) continue;
        if (player.muted || player.volume === 0) continue;
        const node = analyser(mediaStreamTrack);
        const before = loudest.get(participant.id) ?? frequencies.map(() => -200);
        loudest.set(
          participant.id,
          before.map((value, index) => Math.max(value, level(node, frequencies[index] ?? 0))),
        );
      }
      await pause(20);
    }
    return loudest;
  }

  function near(seen: readonly number[], wanted: readonly number[]): boolean {
    return seen.every((value, index) => Math.abs(value - (wanted[index] ?? 0)) < 60);
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  async function until(condition: () => boolean, timeoutMs: number, what: string): Promise<number> {
    const deadline = performance.now() + timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline)
        throw new Error(`${what}: not within ${String(timeoutMs)} ms`);
      await pause(20);
    }
    return Date.now();
  }

  window.observer = {
    ids: () => participants().map(({ id }) => id),

    pictures: () => participants().filter((participant) => video(participant) !== undefined).length,

    async remotes(frequencies, listenMs) {
      const loudest = await listen(({ audioTrack }) => audioTrack, frequencies, listenMs);
      return participants().map((participant) => {
        const shown = video(participant);
        const levels = loudest.get(participant.id);
        return {
          id: participant.id,
          picture: shown === undefined ? null : look(shown),
          sound: levels === undefined ? null : { levels },
        };
      });
    },

    async screens(frequencies, listenMs) {
      const loudest = await listen(
        ({ screenAudioTrack }) => screenAudioTrack,
        frequencies,
        listenMs,
      );
      return participants().map(({ id }) => {
        const levels = loudest.get(id);
        return levels === undefined ? null : { levels };
      });
    },

    sees(colour, except, timeoutMs) {
      // A slot that changes hands may still show the last frame of whoever had it before.
      const firstLook = new Map<string, number>();
      const fresh = (id: string, frames: number): boolean => {
        const first = firstLook.get(id) ?? frames;
        firstLook.set(id, first);
        return frames > first;
      };
      return until(
        () =>
          participants().some((participant) => {
            const shown = except.includes(participant.id) ? undefined : video(participant);
            const picture = shown === undefined ? null : look(shown);
            return (
              picture !== null &&
              fresh(participant.id, picture.frames) &&
              near(picture.colour, colour)
            );
          }),
        timeoutMs,
        `a picture of colour ${colour.join(',')}`,
      );
    },

    misses: (id, timeoutMs) =>
      until(
        () => !participants().some((participant) => participant.id === id),
        timeoutMs,
        `the leaving of ${id}`,
      ),

    connected: () => element()?.room?.state === 'connected',

    status: () =>
      all('[aria-live], [role="status"], [role="alert"]')
        .map(({ textContent }) => textContent.trim())
        .join(' '),

    timings() {
      const marks = element()?.room?.timings;
      const start = marks?.joinCalled;
      const seen = participants()
        .map(({ videoTrack }) => videoTrack && firstFrames.get(videoTrack.mediaStreamTrack))
        .filter((at) => at !== undefined);
      if (marks === undefined || start === undefined || seen.length === 0) return undefined;
      const entries = Object.entries(marks).filter(
        (entry): entry is [string, number] => entry[1] !== undefined,
      );
      return {
        firstFrame: Math.min(...seen) - start,
        marks: Object.fromEntries(entries.map(([name, at]) => [name, at - start])),
      };
    },
  };
}
