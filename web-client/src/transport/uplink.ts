import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';

/** What a browser knows of the way from it at one moment. */
export interface UplinkSample {
  /** What it thinks it can send, in bit/s; absent in browsers that do not tell. */
  readonly available: number | undefined;
  /** Lost of what it sends, a share of 1; absent before anybody has reported. */
  readonly loss: number | undefined;
  /** To the server and back, in ms. */
  readonly roundTrip: number | undefined;
}

/**
 * Decides from samples, one a second while the camera is on, how much of it may
 * go out: sound comes first. Down after some seconds of too little; up after
 * longer, and later each time it was in vain. With nothing of a camera going
 * out no browser can tell what the path would take, so it is tried.
 */
export class Uplink {
  #capacity: UplinkCapacity = 'all';
  /** Seconds in a row that were bad, and that were good. */
  #bad = 0;
  #good = 0;
  /** Since the last change. */
  #age = 0;
  #wait = FIRST_WAIT;
  /** The last change was up from sound alone. */
  #isTrial = false;
  /** The shortest round trip so far, in ms. */
  #quickest = Infinity;

  get capacity(): UplinkCapacity {
    return this.#capacity;
  }

  /** Begins anew, as on another path. */
  reset(): void {
    this.#become('all');
    this.#wait = FIRST_WAIT;
    this.#quickest = Infinity;
  }

  /** Takes a sample; returns whether {@link Uplink.capacity} is another one. */
  update(sample: UplinkSample): boolean {
    const before = this.#capacity;
    this.#age += 1;
    this.#quickest = Math.min(this.#quickest, sample.roundTrip ?? Infinity);
    switch (before) {
      case 'all':
        this.#note(isBad(sample, FLOOR_FOR_LAYERS), false);
        if (this.#bad >= PATIENCE) this.#become('least');
        break;
      case 'least':
        this.#note(
          isBad(sample, this.#losesByItself(sample) ? 0 : FLOOR_FOR_PICTURES),
          !isBad(sample, CLEARLY * FLOOR_FOR_LAYERS),
        );
        if (this.#bad >= PATIENCE && this.#age >= GRACE) this.#giveUp();
        else if (this.#good >= BEFORE_MORE) this.#become('all');
        break;
      case 'sound-only':
        this.#note(false, !isBad(sample, 0));
        if (this.#good >= this.#wait) this.#try();
        break;
    }
    return this.#capacity !== before;
  }

  /**
   * Whether the path loses packets though none wait. Browsers take that for too
   * much sent, and estimate less and less; but a picture costs the sound nothing
   * there, and what is lost of it is sent again.
   */
  #losesByItself({ loss, roundTrip }: UplinkSample): boolean {
    return (loss ?? 0) >= LOSSY && (roundTrip ?? Infinity) <= this.#quickest + NO_QUEUE;
  }

  #note(isBad: boolean, isGood: boolean): void {
    this.#bad = isBad ? this.#bad + 1 : 0;
    this.#good = isGood ? this.#good + 1 : 0;
  }

  #try(): void {
    this.#become('least');
    this.#isTrial = true;
  }

  #giveUp(): void {
    const wasInVain = this.#isTrial && this.#age < LASTING;
    this.#wait = wasInVain ? Math.min(2 * this.#wait, LONGEST_WAIT) : FIRST_WAIT;
    this.#become('sound-only');
  }

  #become(capacity: UplinkCapacity): void {
    this.#capacity = capacity;
    this.#bad = 0;
    this.#good = 0;
    this.#age = 0;
    this.#isTrial = false;
  }
}

/** Samples a way out once a second. */
export class UplinkWatch {
  readonly #uplink = new Uplink();
  readonly #sample: () => Promise<UplinkSample | 'idle' | undefined>;
  readonly #changed: (capacity: UplinkCapacity) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;

  /**
   * `sample` gives nothing while nothing can be told, and `idle` while there is
   * no picture to send; `changed` hears what may go out from now on.
   */
  constructor(
    sample: () => Promise<UplinkSample | 'idle' | undefined>,
    changed: (capacity: UplinkCapacity) => void,
  ) {
    this.#sample = sample;
    this.#changed = changed;
  }

  /** Idempotent. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // At first the browser only guesses.
    this.#plan(WARM_UP);
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  #plan(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#sample().then(
        (sample) => {
          if (!this.#isRunning) return;
          this.#judge(sample);
          this.#plan(INTERVAL);
        },
        () => undefined,
      );
    }, delay);
  }

  #judge(sample: UplinkSample | 'idle' | undefined): void {
    const before = this.#uplink.capacity;
    if (sample === 'idle') this.#uplink.reset();
    else if (sample !== undefined) this.#uplink.update(sample);
    if (this.#uplink.capacity !== before) this.#changed(this.#uplink.capacity);
  }
}

/** What the browser's reports say of the way out: of loss, that of the sound. */
export function readUplink(reports: Iterable<object>): UplinkSample {
  let [available, loss, roundTrip]: (number | undefined)[] = [];
  for (const report of reports) {
    const { type } = report as RTCStats;
    if (type === 'candidate-pair') {
      const pair = report as RTCIceCandidatePairStats;
      if (pair.nominated !== true) continue;
      available = pair.availableOutgoingBitrate ?? available;
      roundTrip = pair.currentRoundTripTime ?? roundTrip;
    } else if (type === 'remote-inbound-rtp') {
      const { kind, fractionLost } = report as RemoteInboundStats;
      if (kind === 'audio') loss = fractionLost ?? loss;
    }
  }
  return { available, loss, roundTrip: roundTrip === undefined ? undefined : roundTrip * 1000 };
}

/** What TypeScript's library does not have yet. */
interface RemoteInboundStats extends RTCStats {
  readonly kind?: string;
  readonly fractionLost?: number;
}

/** Whether a path takes less than `floor`, or what goes out is hardly of use. */
function isBad({ available, loss, roundTrip }: UplinkSample, floor: number): boolean {
  return (
    (available !== undefined && available < floor) ||
    (loss ?? 0) >= MUCH_LOST ||
    (roundTrip ?? 0) >= TOO_LATE
  );
}

/** In bit/s: the sound, which is some 110,000 with all headers and its repetition, and the least layer. */
const FLOOR_FOR_LAYERS = 280_000;
/** The sound, and as much as makes a picture that moves. */
const FLOOR_FOR_PICTURES = 150_000;
/** Times the floor: enough to go up. */
const CLEARLY = 1.2;
// Shares of 1.
const MUCH_LOST = 0.25;
const LOSSY = 0.05;
/** A queue somewhere is full of our pictures, in ms. */
const TOO_LATE = 1_500;
/** More than radios tremble by, and less than what fills a path's queue. */
const NO_QUEUE = 100;
// In samples, and so seconds.
const PATIENCE = 3;
/** A browser's estimate takes some time to follow a change of what goes out. */
const GRACE = 5;
const BEFORE_MORE = 5;
const FIRST_WAIT = 8;
const LONGEST_WAIT = 64;
/** A trial that lasted less was in vain. */
const LASTING = 20;
// In ms.
const WARM_UP = 4_000;
const INTERVAL = 1_000;
