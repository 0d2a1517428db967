import { Emitter } from '../events';

interface MicrophoneLevelEvents {
  /** The loudest since the last time: 0 is silence, 1 as loud as can be. */
  level: [peak: number];
}

/** How a level is read; a test may give another one. */
export type CreateAudioContext = () => AudioContext;

/**
 * How loud the own microphone is, some times a second, as long as it is
 * followed. Browsers may give nothing before the person touched the page:
 * then {@link resume} is to be called from a press.
 */
export class MicrophoneLevel extends Emitter<MicrophoneLevelEvents> {
  readonly #createContext: CreateAudioContext;
  #context: AudioContext | undefined;
  #stream: MediaStream | undefined;
  #track: MediaStreamTrack | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(createContext: CreateAudioContext = () => new AudioContext()) {
    super();
    this.#createContext = createContext;
  }

  /** Follows `track` in place of the one before, or nothing. */
  follow(track: MediaStreamTrack | undefined): void {
    if (track === this.#track) return;
    this.#forget();
    this.#track = track;
    if (track !== undefined) this.#listen(track);
  }

  /** To be called while a press is handled. */
  resume(): void {
    const context = this.#context;
    // Safari has one state more, `interrupted`, for which the same helps.
    if (context === undefined || context.state === 'running' || context.state === 'closed') return;
    void context.resume().catch(() => undefined);
  }

  /** Ends it; {@link follow} begins anew. */
  close(): void {
    this.follow(undefined);
  }

  /** Chromium keeps a source, disconnected or not, for as long as its context, and a stream for as long as its tracks. */
  #forget(): void {
    clearInterval(this.#timer);
    void this.#context?.close().catch(() => undefined);
    this.#context = undefined;
    if (this.#track !== undefined) this.#stream?.removeTrack(this.#track);
    this.#stream = undefined;
  }

  #listen(track: MediaStreamTrack): void {
    try {
      const context = this.#createContext();
      this.#context = context;
      this.#stream = new MediaStream([track]);
      const source = context.createMediaStreamSource(this.#stream);
      const analyser = new AnalyserNode(context, { fftSize: SAMPLES });
      // Not on to the loudspeakers.
      source.connect(analyser);
      const samples = new Float32Array(SAMPLES);
      this.#timer = setInterval(() => {
        if (context.state !== 'running') return;
        analyser.getFloatTimeDomainData(samples);
        this.emit('level', peak(samples));
      }, INTERVAL);
    } catch {
      // Without a device for sound some browsers have no context: then nothing is known.
    }
  }
}

function peak(samples: Float32Array): number {
  let highest = 0;
  for (const sample of samples) highest = Math.max(highest, Math.abs(sample));
  return Math.min(1, highest);
}

/** In ms. */
const INTERVAL = 80;
/** What passes in an interval at 48 kHz, to the next power of two. */
const SAMPLES = 4096;
