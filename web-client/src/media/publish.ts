import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { TrackOutput } from '../transport/peer';
import type { DeviceSource } from './devices';

interface PublicationEvents {
  /** What is on, being opened, sent or stalled is another one. */
  changed: [];
  /** The device went away by itself; `wasOn` is whether it was wanted. */
  lost: [error: QuietroomError, wasOn: boolean];
}

/** One device of ours: off, or on and sent as soon as there is an output. */
export class Publication extends Emitter<PublicationEvents> {
  readonly source: DeviceSource;
  readonly #open: () => Promise<MediaStreamTrack>;
  #output: TrackOutput | undefined;
  #device: MediaStreamTrack | undefined;
  /** Ends what is heard of the device. */
  #listening = new AbortController();
  #wanted = false;
  #wishes = 0;
  #isOn = false;
  #isSending = false;
  #isClosed = false;
  /** Changes one after the other, so that quick presses end at the last one's wish. */
  #change: Promise<void> = Promise.resolve();

  constructor(source: DeviceSource, open: () => Promise<MediaStreamTrack>) {
    super();
    this.source = source;
    this.#open = open;
  }

  /** What is shown or heard of the device; absent while it is off. */
  get track(): MediaStreamTrack | undefined {
    return this.#isOn ? this.#device : undefined;
  }

  /** Whether the device is to be on and is not yet: the browser may be asking the person. */
  get isOpening(): boolean {
    return this.#wanted && !this.#isOn;
  }

  /** How often somebody has said whether it is to be on. */
  get wishes(): number {
    return this.#wishes;
  }

  /** Whether the others get it. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** Whether the device is on, and the system keeps it from giving anything. */
  get isStalled(): boolean {
    return this.#isOn && this.#device?.muted === true;
  }

  /**
   * Turns the device on or off. Rejects with one of the `microphone-…` or
   * `camera-…` errors, and stays off, if it cannot be opened. `opening` is a
   * device that is being opened already.
   */
  setEnabled(enabled: boolean, opening?: Promise<MediaStreamTrack>): Promise<void> {
    this.#wanted = enabled;
    const wish = ++this.#wishes;
    const changed = this.#next(async () => {
      if (enabled) await this.#turnOn(opening);
      else await this.#turnOff();
    });
    changed.catch(() => {
      this.#giveUp(wish);
    });
    if (opening !== undefined) void this.#stopUnlessTaken(opening, changed);
    return changed;
  }

  /** Sends by `output` from now on; resolves when what is on is being sent. */
  connect(output: TrackOutput): Promise<void> {
    return this.#next(async () => {
      this.#output = output;
      if (this.track !== undefined) await this.#send(this.track);
      this.emit('changed');
    });
  }

  /**
   * Opens the device anew, as another one was chosen; what is off stays off
   * until it is turned on. Rejects as {@link Publication.setEnabled}.
   */
  reopen(): Promise<void> {
    const wish = this.#wishes;
    return this.#next(async () => {
      const isWanted = this.#isOn;
      // Phones open no second one while the first is open.
      this.#release();
      if (isWanted) await this.#turnOn();
    }).catch(async (reason: unknown) => {
      await this.#next(() => this.#turnOff());
      this.#giveUp(wish);
      throw reason;
    });
  }

  /** Uses `device` in place of the one that is on; if none is by then, lets it go. */
  async replace(device: MediaStreamTrack): Promise<void> {
    try {
      await this.#next(async () => {
        if (!this.#isOn || !this.#wanted) return;
        this.#drop();
        this.#device = this.#adopt(device);
        await this.#send(device);
        this.emit('changed');
      });
    } finally {
      if (this.#device !== device) device.stop();
    }
  }

  /** Lets the device go for good. */
  close(): void {
    this.#isClosed = true;
    this.#wanted = false;
    this.#output = undefined;
    this.#isSending = false;
    this.#release();
  }

  async #turnOn(opening?: Promise<MediaStreamTrack>): Promise<void> {
    if (this.#isOn) return;
    this.#device ??= this.#adopt(await (opening ?? this.#open()));
    // A microphone stays open while it is off, and a late wish may have crossed the opening.
    if (!this.#wanted || this.#device === undefined) return this.#turnOff();
    this.#device.enabled = true;
    this.#isOn = true;
    this.emit('changed');
    await this.#send(this.#device);
    this.emit('changed');
  }

  async #turnOff(): Promise<void> {
    this.#isOn = false;
    this.#isSending = false;
    if (this.#device !== undefined) this.#device.enabled = false;
    // The camera's light must go out; a microphone must come back without a gap in speech.
    if (this.source === 'camera') this.#release();
    await this.#output?.send(null);
    this.emit('changed');
  }

  async #send(track: MediaStreamTrack): Promise<void> {
    const output = this.#output;
    if (output === undefined) return;
    await output.send(track);
    if (this.#isClosed) return;
    this.#isSending = true;
  }

  /** It cannot be turned on: it is not wanted any more, unless somebody has said so since. */
  #giveUp(wish: number): void {
    if (this.#wishes !== wish || this.#isOn) return;
    this.#wanted = false;
    this.emit('changed');
  }

  /** A device that nobody took would keep its light on. */
  async #stopUnlessTaken(
    opening: Promise<MediaStreamTrack>,
    changed: Promise<void>,
  ): Promise<void> {
    const [opened] = await Promise.allSettled([opening, changed]);
    if (opened.status === 'fulfilled' && opened.value !== this.#device) opened.value.stop();
  }

  #adopt(device: MediaStreamTrack): MediaStreamTrack | undefined {
    if (this.#isClosed) {
      device.stop();
      return undefined;
    }
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const ended = (): void => {
      this.#handleEnded();
    };
    const news = (): void => {
      if (this.#isOn) this.emit('changed');
    };
    device.addEventListener('ended', ended, { signal });
    for (const name of DEVICE_NEWS) device.addEventListener(name, news, { signal });
    return device;
  }

  #handleEnded(): void {
    const wasOn = this.#isOn;
    this.#drop();
    this.#wanted = false;
    void this.#next(() => this.#turnOff()).catch(() => undefined);
    this.emit('lost', new QuietroomError(`${this.source}-missing`, 'the device ended'), wasOn);
  }

  #release(): void {
    this.#drop();
    this.#isOn = false;
  }

  #drop(): void {
    // Browsers keep an ended track for a while, and all that listens to it.
    this.#listening.abort();
    this.#device?.stop();
    this.#device = undefined;
  }

  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#change.then(async () => {
      if (!this.#isClosed) await step();
    });
    this.#change = done.catch(() => undefined);
    return done;
  }
}

/** What a track tells of its device. */
const DEVICE_NEWS = ['mute', 'unmute', 'configurationchange'] as const;
