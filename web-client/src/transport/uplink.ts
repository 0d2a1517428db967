import { number, type Report } from './report';
import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';
import { selectedPair } from './path';

/** What a browser knows of the way from it at one moment. */
export interface UplinkSample {
  /** What it thinks it can send, in bit/s; absent in browsers that do not tell. */
  readonly available: number | undefined;
  /** What it did send of late, in bit/s; absent where that is not known. */
  readonly sent?: number | undefined;
  /** Lost of what it sends, a share of 1; absent before anybody has reported. */
  readonly loss: number | undefined;
  /** To the server and back, in ms. */
  readonly roundTrip: number | undefined;
}

/**
 * Decides from samples, one a second while the camera is on, how much of it may
 * go out: sound comes first. Down after some seconds of too little; up after
 * longer, and later each time it was in vain. With nothing of a camera going
 * out no browser can tell what the path would take, so it is tried. Nor can it
 * when little goes out, as of somebody who sits still in a dark room: after a
 * moment of bad Wi-Fi its estimate stays at some 1.5 times of what is sent, so a
 * low one counts only where that much is sent.
 */
export class Uplink {
  #capacity: UplinkCapacity = 'all';
  /** Seconds in a row that were bad, and that were good. */
  #bad = 0;
  #good = 0;
  /** Since the last change. */
  #age = 0;
  #wait = FIRST_WAIT;
  /** Good seconds before all goes out again. */
  #waitForAll = BEFORE_MORE;
  /** The last change was up. */
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
    this.#waitForAll = BEFORE_MORE;
    this.#quickest = Infinity;
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
        if (this.#bad >= PATIENCE) this.#giveUpLayers();
        break;
      case 'least': {
        const seemsLossy = this.#losesByItself(sample);
        this.#thrift.update(sample.loss ?? 0, seemsLossy, isBad(sample, FLOOR_FOR_PICTURES));
        const isLossy = seemsLossy && this.#thrift.isNoCure;
        const floor =
          seemsLossy || this.#thrift.isAtWork || !this.#isFelt(sample) ? 0 : FLOOR_FOR_PICTURES;
        const isUnknown = sample.available === undefined && this.#thrift.isAtWork;
        this.#note(
          isBad(sample, floor, isLossy ? MOST_LOST : MUCH_LOST),
          // That little is lost of little says nothing of more, nor that we keep something back.
          !isUnknown && !isBad(this.isThrifty ? whole(sample) : sample, CLEARLY * FLOOR_FOR_LAYERS),
        );
        if (this.#bad >= PATIENCE && this.#age >= GRACE) this.#giveUp();
        else if (this.#good >= this.#waitForAll) this.#climb('all');
        break;
      }
      case 'sound-only':
        this.#note(false, !isBad(sample, 0));
        if (this.#good >= this.#wait) this.#climb('least');
        break;
    }
    return this.#capacity !== before || this.isThrifty !== wasThrifty;
  }

  /**
   * Whether the path shows by anything but the browser's estimate that it is
   * full. That falls by itself where a machine is so busy that packets leave at
   * odd times, and Chromium's never below what it wants to send at the least:
   * a path that does not take as much loses some, or keeps them waiting.
   */
  #isFelt(sample: UplinkSample): boolean {
    return (sample.loss ?? 0) >= FELT || this.#mayWait(sample);
  }

  /** Whether packets wait on the path, as far as is known. */
  #mayWait({ roundTrip }: UplinkSample): boolean {
    return (roundTrip ?? Infinity) > this.#quickest + NO_QUEUE;
  }

  /**
   * Whether the path seems to lose packets though none wait. Browsers take that
   * for too much sent, and estimate less and less; but a picture costs the sound
   * nothing there, and what is lost of it is sent again. {@link Thrift} finds
   * out whether it is so.
   */
  #losesByItself(sample: UplinkSample): boolean {
    return (sample.loss ?? 0) >= LOSSY && !this.#mayWait(sample);
  }

  #note(isBad: boolean, isGood: boolean): void {
    this.#bad = isBad ? this.#bad + 1 : 0;
    this.#good = isGood ? this.#good + 1 : 0;
  }

  #climb(capacity: UplinkCapacity): void {
    this.#become(capacity);
    this.#isTrial = true;
  }

  #giveUpLayers(): void {
    this.#waitForAll = this.#nextWait(this.#waitForAll, BEFORE_MORE);
    this.#become('least');
  }

  #giveUp(): void {
    this.#wait = this.#nextWait(this.#wait, FIRST_WAIT);
    this.#become('sound-only');
  }

  /** Before it is tried again. */
  #nextWait(wait: number, first: number): number {
    const wasInVain = this.#isTrial && this.#age < LASTING;
    return wasInVain ? Math.min(2 * wait, LONGEST_WAIT) : first;
  }

  #become(capacity: UplinkCapacity): void {
    this.#capacity = capacity;
    this.#bad = 0;
    this.#good = 0;
    this.#age = 0;
    this.#isTrial = false;
    this.#thrift.reset();
  }
}

/**
 * Tells a radio that loses packets from a path that is full, but has so short a
 * queue that its round trip stays the same: less is sent for some seconds. If
 * about as much is lost, all is sent again; if not, it stays with the less, and
 * tries all of it now and then, since what is sent is what an estimate rises by.
 */
class Thrift {
  #state: 'off' | 'trial' | 'kept' | 'retrial' = 'off';
  /** Less would change nothing. */
  #isVain = false;
  /** Seconds since the state changed, and seconds in a row that ask for another. */
  #age = 0;
  #suspicious = 0;
  /** Of the samples that are being taken. */
  #lost = 0;
  /** Shares of 1, with less sent and with all. */
  #lostOfLess = 0;
  #lostOfAll = 0;
  #wait = FIRST_WAIT;

  /** Whether less is sent. */
  get isOn(): boolean {
    return this.#state === 'trial' || this.#state === 'kept';
  }

  /** Whether it is on, or may be again in a moment. */
  get isAtWork(): boolean {
    return this.#state !== 'off';
  }

  /** Whether it has changed nothing, or is not known yet to have. */
  get isNoCure(): boolean {
    if (this.#state === 'kept') return this.#age <= REPORTS_LATE;
    return this.#isVain || this.isAtWork;
  }

  /**
   * `lost` is a share of 1; `seemsLossy`: packets are lost and none wait;
   * `isLittle`: the browser thinks that little fits, or very much is lost.
   */
  update(lost: number, seemsLossy: boolean, isLittle: boolean): void {
    this.#age += 1;
    switch (this.#state) {
      case 'off':
        if (this.#age >= VAIN_LASTS) this.#isVain = false;
        if (!this.#isLong(lost, seemsLossy && isLittle && !this.#isVain)) return;
        this.#lostOfAll = this.#lost / PATIENCE;
        this.#become('trial');
        break;
      case 'trial':
        if (!this.#isMeasured(lost)) return;
        this.#lostOfLess = this.#lost / TRIAL;
        this.#become(this.#isCure() ? 'kept' : 'off');
        break;
      case 'kept':
        // As much is lost as of all that was sent before.
        if (this.#isLong(lost, seemsLossy && lost >= YIELDING * this.#lostOfAll)) {
          this.#lostOfLess = this.#lost / PATIENCE;
          this.#become('retrial');
        } else if (this.#age >= this.#wait) {
          this.#become('retrial');
        }
        break;
      case 'retrial':
        if (!this.#isMeasured(lost)) return;
        this.#lostOfAll = this.#lost / TRIAL;
        this.#wait = this.#isCure() ? Math.min(2 * this.#wait, LONGEST_WAIT) : FIRST_WAIT;
        this.#become(this.#isCure() ? 'kept' : 'off');
        break;
    }
  }

  /** As when other things go out, or on another path. */
  reset(): void {
    this.#become('off');
    this.#isVain = false;
    this.#wait = FIRST_WAIT;
  }

  #become(state: 'off' | 'trial' | 'kept' | 'retrial'): void {
    this.#isVain = state === 'off' && this.#lostOfAll >= LOSSY;
    this.#state = state;
    this.#age = 0;
    this.#suspicious = 0;
    this.#lost = 0;
  }

  #isCure(): boolean {
    return this.#lostOfAll >= LOSSY && this.#lostOfLess < YIELDING * this.#lostOfAll;
  }

  /** Whether it has been so for long enough. */
  #isLong(lost: number, isSuspicious: boolean): boolean {
    this.#suspicious = isSuspicious ? this.#suspicious + 1 : 0;
    this.#lost = isSuspicious ? this.#lost + lost : 0;
    return this.#suspicious >= PATIENCE;
  }

  /** Whether enough is known of what is sent since the state changed. */
  #isMeasured(lost: number): boolean {
    if (this.#age > REPORTS_LATE) this.#lost += lost;
    return this.#age >= REPORTS_LATE + TRIAL;
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
export class UplinkReader {
  #before: Report | undefined;

  /** All reports of one moment, by their ids. */
  read(reports: ReadonlyMap<string, Report>): UplinkSample {
    let loss: number | undefined;
    for (const { type, kind, fractionLost } of reports.values()) {
      if (type === 'remote-inbound-rtp' && kind === 'audio') loss = number(fractionLost) ?? loss;
    }
    const pair = selectedPair(reports);
    const sent = sentBetween(this.#before, pair);
    this.#before = pair;
    const roundTrip = number(pair?.['currentRoundTripTime']);
    return {
      available: number(pair?.['availableOutgoingBitrate']),
      sent,
      loss,
      roundTrip: roundTrip === undefined ? undefined : roundTrip * 1000,
    };
  }
}

/** What went out over a path from one moment to another, in bit/s, with what IP and UDP add. */
function sentBetween(before: Report | undefined, after: Report | undefined): number | undefined {
  if (before === undefined || after?.['id'] !== before['id']) return undefined;
  const seconds = (Number(after?.['timestamp']) - Number(before['timestamp'])) / 1000;
  const bytes = bytesOf(after) - bytesOf(before);
  return seconds > 0 && bytes > 0 ? (bytes * 8) / seconds : undefined;
}

function bytesOf(pair: Report | undefined): number {
  return (number(pair?.['bytesSent']) ?? NaN) + (number(pair?.['packetsSent']) ?? 0) * HEADERS;
}

/** As if all that the browser thinks it can send were sent. */
function whole(sample: UplinkSample): UplinkSample {
  return { ...sample, sent: undefined };
}

/** Whether a path takes less than `floor`, or what goes out is hardly of use. */
function isBad(
  { available, sent, loss, roundTrip }: UplinkSample,
  floor: number,
  muchLost = MUCH_LOST,
): boolean {
  return (
    (available !== undefined && available < floor && (sent ?? Infinity) >= NEARLY * available) ||
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
/** Of an estimate, a share of 1: so much is sent where it is what keeps more back. */
const NEARLY = 0.8;
/** Of IPv4 and UDP, in bytes. */
const HEADERS = 28;
// Shares of 1.
const MUCH_LOST = 0.25;
/** Where it is the path's own, and not of what is sent; more than a fifth comes to by chance. */
const MOST_LOST = 0.4;
const LOSSY = 0.05;
const FELT = 0.02;
/** Of what was lost before: less, and it is due to what is sent. */
const YIELDING = 0.7;
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
/** A path that lost by itself may be full an hour later. */
const VAIN_LASTS = 60;
/** A trial that lasted less was in vain. */
const LASTING = 20;
// In ms.
const WARM_UP = 4_000;
const INTERVAL = 1_000;
