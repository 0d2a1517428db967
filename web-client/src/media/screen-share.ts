import { QuietroomError, type QuietroomErrorCode } from '../error';
import { Emitter } from '../events';
import type { TrackOutput } from '../transport/peer';

/** The part of `navigator` that is used; phones have no `getDisplayMedia`. */
export interface DisplayAccess {
  readonly mediaDevices?: Partial<Pick<MediaDevices, 'getDisplayMedia'>>;
}

/** How a screen is shared. */
export interface ScreenShareOptions {
  /** Whether its sound may be shared too, if the browser offers that; `true` by default. */
  readonly audio?: boolean | undefined;
}

/** Where a screen's picture and sound go out. */
export interface ScreenOutputs {
  readonly screen: TrackOutput;
  readonly screenAudio: TrackOutput;
}

interface ScreenShareEvents {
  /** {@link ScreenShare.isSharing} is another one. */
  changed: [];
  /** The server is to be asked for a slot, or told that none is needed any more. */
  wanted: [isWanted: boolean];
}

interface Capture {
  readonly picture: MediaStreamTrack;
  readonly sound: MediaStreamTrack | undefined;
}

/** The own shared screen: chosen in the browser, granted by the server, then sent. */
export class ScreenShare extends Emitter<ScreenShareEvents> {
  readonly #access: DisplayAccess;
  #outputs: ScreenOutputs | undefined;
  #starting: Promise<void> | undefined;
  #capture: Capture | undefined;
  #isSharing = false;
  #isClosed = false;
  #answer: { grant: () => void; refuse: (error: QuietroomError) => void } | undefined;

  constructor(access: DisplayAccess) {
    super();
    this.#access = access;
  }

  /** Whether this browser can share a screen at all. */
  get isSupported(): boolean {
    return this.#access.mediaDevices?.getDisplayMedia !== undefined;
  }

  /** Whether the others see it. */
  get isSharing(): boolean {
    return this.#isSharing;
  }

  /** What they see. */
  get track(): MediaStreamTrack | undefined {
    return this.#isSharing ? this.#capture?.picture : undefined;
  }

  connect(outputs: ScreenOutputs): void {
    this.#outputs = outputs;
  }

  /** We joined again: what was shared goes on by other outputs, if it may. */
  reconnect(outputs: ScreenOutputs): void {
    this.#outputs = outputs;
    const capture = this.#capture;
    if (!this.#isSharing || capture === undefined) return;
    this.#ask()
      .then(() =>
        Promise.all([
          outputs.screen.send(capture.picture),
          outputs.screenAudio.send(capture.sound ?? null),
        ]),
      )
      .catch(() => this.stop());
  }

  /**
   * Lets the person choose what to share, and shares it; to be called while a
   * press is handled. Resolves when it is being sent; rejects with
   * `screens-full` or one of the `screen-…` errors.
   */
  start(options: ScreenShareOptions = {}): Promise<void> {
    if (this.#isSharing) return Promise.resolve();
    this.#starting ??= this.#start(options.audio ?? true).finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Ends the share, also one that has only been asked for. Idempotent. */
  async stop(): Promise<void> {
    const isRelease = this.#release();
    this.#answer?.refuse(new QuietroomError('screen-refused', 'stopped before it was granted'));
    if (!isRelease) return;
    this.emit('wanted', false);
    this.emit('changed');
    await Promise.all([this.#outputs?.screen.send(null), this.#outputs?.screenAudio.send(null)]);
  }

  /** The server gave a slot. */
  handleGranted(): void {
    this.#answer?.grant();
  }

  /** The server took the slot back, or tells that it was given back. */
  handleRevoked(): void {
    if (this.#answer === undefined) void this.stop();
  }

  /** The server gave no slot. */
  handleRefused(error: QuietroomError): void {
    this.#answer?.refuse(error);
  }

  /** Ends it for good. */
  close(): void {
    this.#isClosed = true;
    this.#release();
    this.#answer?.refuse(new QuietroomError('left'));
  }

  async #start(withSound: boolean): Promise<void> {
    const capture = await this.#choose(withSound);
    if (this.#isClosed) {
      stopTracks(capture);
      throw new QuietroomError('left');
    }
    this.#capture = capture;
    // Text stays sharp rather than moving smoothly.
    capture.picture.contentHint = 'detail';
    capture.picture.addEventListener('ended', () => {
      // The browser has a stop button of its own.
      if (this.#capture === capture) void this.stop();
    });
    try {
      await this.#ask();
      await Promise.all([
        this.#outputs?.screen.send(capture.picture),
        this.#outputs?.screenAudio.send(capture.sound ?? null),
      ]);
    } catch (reason) {
      // A slot may have been given, or may still be.
      if (this.#capture === capture && this.#release()) this.emit('wanted', false);
      throw reason;
    }
    if (this.#capture !== capture) throw new QuietroomError('screen-refused', 'stopped meanwhile');
    this.#isSharing = true;
    this.emit('changed');
  }

  async #choose(withSound: boolean): Promise<Capture> {
    const { mediaDevices } = this.#access;
    if (mediaDevices?.getDisplayMedia === undefined) throw new QuietroomError('screen-unsupported');
    let stream: MediaStream;
    try {
      stream = await mediaDevices.getDisplayMedia(withSound ? WITH_SOUND : WITHOUT_SOUND);
    } catch (reason) {
      throw new QuietroomError(errorCode(reason), reason);
    }
    const tracks = stream.getTracks();
    const picture = tracks.find(({ kind }) => kind === 'video');
    if (picture === undefined) throw new QuietroomError('screen-failed', 'no picture');
    return { picture, sound: tracks.find(({ kind }) => kind === 'audio') };
  }

  #ask(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new QuietroomError('screen-failed', 'the server did not answer'));
      }, ANSWER_TIMEOUT);
      const settle = (): void => {
        clearTimeout(timer);
        this.#answer = undefined;
      };
      this.#answer = {
        grant: () => {
          settle();
          resolve();
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      this.emit('wanted', true);
    });
  }

  #release(): boolean {
    const capture = this.#capture;
    if (capture === undefined) return false;
    this.#capture = undefined;
    this.#isSharing = false;
    stopTracks(capture);
    return true;
  }
}

function stopTracks({ picture, sound }: Capture): void {
  picture.stop();
  sound?.stop();
}

/** By the names that `getDisplayMedia` gives. A person who chooses nothing refuses, too. */
function errorCode(reason: unknown): QuietroomErrorCode {
  const name = reason instanceof Error || reason instanceof DOMException ? reason.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'screen-refused';
  return name === 'NotSupportedError' ? 'screen-unsupported' : 'screen-failed';
}

/** Options that TypeScript's library does not have yet. */
interface DisplayOptions extends DisplayMediaStreamOptions {
  readonly selfBrowserSurface?: 'include' | 'exclude';
  readonly surfaceSwitching?: 'include' | 'exclude';
  readonly systemAudio?: 'include' | 'exclude';
}

const WITHOUT_SOUND: DisplayOptions = {
  video: { frameRate: { ideal: 15, max: 30 } },
  audio: false,
  // This page, shared, would show itself in itself.
  selfBrowserSurface: 'exclude',
  surfaceSwitching: 'include',
};

/** Processing made for voices would spoil music. */
const WITH_SOUND: DisplayOptions = {
  ...WITHOUT_SOUND,
  audio: { autoGainControl: false, echoCancellation: false, noiseSuppression: false },
  systemAudio: 'include',
};

/** In ms. */
const ANSWER_TIMEOUT = 5_000;
