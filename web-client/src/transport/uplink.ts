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
  readonly #thrift = new Thrift();

  get capacity(): UplinkCapacity {
    return this.#capacity;
  }

  /** Whether of the least layer no more may go out than makes a picture that moves. */
  get isThrifty(): boolean {
    return this.#thrift.isOn;
  }

  /** Begins anew, as on another path. */
  reset(): void {
    this.#become('all');
    this.#wait = FIRST_WAIT;
    this.#quickest = Infinity;
    this.#thrift.reset();
  }

  /** Takes a sample; returns whether what may go out is another thing. */
  update(sample: UplinkSample): boolean {
    const before = this.#capacity;
    const wasThrifty = this.isThrifty;
    this.#age += 1;
    this.#quickest = Math.min(this.#quickest, sample.roundTrip ?? Infinity);
    switch (before) {
      case 'all':
        this.#note(isBad(sample, FLOOR_FOR_LAYERS), false);
        if (this.#bad >= PATIENCE) this.#become('least');
        break;
      case 'least': {
        const seemsLossy = this.#losesByItself(sample);
        this.#thrift.update(sample, seemsLossy && isBad(sample, FLOOR_FOR_PICTURES));
        const isLossy = seemsLossy && this.#thrift.isNoCure;
        this.#note(
          isBad(
            sample,
            seemsLossy || this.isThrifty ? 0 : FLOOR_FOR_PICTURES,
            isLossy ? MOST_LOST : MUCH_LOST,
          ),
          !isBad(sample, CLEARLY * FLOOR_FOR_LAYERS),
        );
        if (this.#bad >= PATIENCE && this.#age >= GRACE) this.#giveUp();
        else if (this.#good >= BEFORE_MORE) this.#become('all');
        break;
      }
      case 'sound-only':
        this.#note(false, !isBad(sample, 0));
        if (this.#good >= this.#wait) this.#try();
        break;
    }
    return this.#capacity !== before || this.isThrifty !== wasThrifty;
  }

  /**
   * Whether the path seems to lose packets though none wait. Browsers take that
   * for too much sent, and estimate less and less; but a picture costs the sound
   * nothing there, and what is lost of it is sent again. {@link Thrift} finds
   * out whether it is so.
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
    this.#thrift.stop();
  }
}

/**
 * Tells a radio that loses packets from a path that is full, but has so short a
 * queue that its round trip stays the same: less is sent for some seconds. If
 * no less is lost, all is sent again; if nothing is, it stays with the less.
 */
class Thrift {
  #state: 'off' | 'trial' | 'kept' = 'off';
  /** Less would change nothing. */
  #isVain = false;
  /** Samples in a row that look like it, and those of the trial with their losses' sum. */
  #suspicious = 0;
  #age = 0;
  #lost = 0;

  get isOn(): boolean {
    return this.#state !== 'off';
  }

  /** Whether it has changed nothing, or is not known yet to have. */
  get isNoCure(): boolean {
    return this.#isVain || this.#state === 'trial';
  }

  /** `isSuspicious`: packets are lost, none wait, and the browser thinks that little fits. */
  update({ loss }: UplinkSample, isSuspicious: boolean): void {
    if (this.#state === 'off') {
      this.#suspicious = isSuspicious && !this.#isVain ? this.#suspicious + 1 : 0;
      if (this.#suspicious < PATIENCE) return;
      this.#state = 'trial';
      this.#age = 0;
      this.#lost = 0;
    } else if (this.#state === 'trial') {
      this.#age += 1;
      if (this.#age > REPORTS_LATE) this.#lost += loss ?? 0;
      if (this.#age < REPORTS_LATE + TRIAL) return;
      this.#isVain = this.#lost >= TRIAL * LOSSY;
      this.#state = this.#isVain ? 'off' : 'kept';
    }
  }

  /** All may be sent again, or nothing is. */
  stop(): void {
    this.#state = 'off';
    this.#suspicious = 0;
  }

  /** As on another path. */
  reset(): void {
    this.stop();
    this.#isVain = false;
  }
}

/** Samples a way out once a second. */
export class UplinkWatch {
  readonly #uplink = new Uplink();
  readonly #sample: () => Promise<UplinkSample | 'idle' | undefined>;
  readonly #changed: (capacity: UplinkCapacity, isThrifty: boolean) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;

  /**
   * `sample` gives nothing while nothing can be told, and `idle` while there is
   * no picture to send; `changed` hears what may go out from now on, as in
   * {@link Uplink}.
   */
  constructor(
    sample: () => Promise<UplinkSample | 'idle' | undefined>,
    changed: (capacity: UplinkCapacity, isThrifty: boolean) => void,
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
    const { capacity, isThrifty } = this.#uplink;
    if (sample === 'idle') this.#uplink.reset();
    else if (sample !== undefined) this.#uplink.update(sample);
    const after = this.#uplink;
    if (after.capacity !== capacity || after.isThrifty !== isThrifty) {
      this.#changed(after.capacity, after.isThrifty);
    }
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
function isBad(
  { available, loss, roundTrip }: UplinkSample,
  floor: number,
  muchLost = MUCH_LOST,
): boolean {
  return (
    (available !== undefined && available < floor) ||
    (loss ?? 0) >= muchLost ||
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
/** Where it is the path's own, and not of what is sent; more than a fifth comes to by chance. */
const MOST_LOST = 0.4;
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
/** Until what is told of loss is of what is sent since. */
const REPORTS_LATE = 2;
const TRIAL = 3;
/** A trial that lasted less was in vain. */
const LASTING = 20;
// In ms.
const WARM_UP = 4_000;
const INTERVAL = 1_000;
