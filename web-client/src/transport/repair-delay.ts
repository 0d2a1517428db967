import type { Report } from './report';

/**
 * Gives pictures time for what is lost to be sent again, and that once more,
 * where much is lost. By itself a browser waits for about one round trip, and
 * a picture then stands still whenever a request or its answer is lost too.
 * Sound goes along, as browsers keep lips and voices together. Elsewhere
 * nothing waits.
 */
export class RepairDelay {
  readonly #reports: () => Promise<readonly Report[]>;
  readonly #receivers: () => readonly RTCRtpReceiver[];
  readonly #pictures = new Map<string, Picture>();
  readonly #raised = new Map<RTCRtpReceiver, ReturnType<typeof setInterval>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `receivers`: of pictures. */
  constructor(
    reports: () => Promise<readonly Report[]>,
    receivers: () => readonly RTCRtpReceiver[],
  ) {
    this.#reports = reports;
    this.#receivers = receivers;
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#reports().then(
        (reports) => {
          if (this.#timer !== undefined) this.#adapt(reports);
        },
        () => undefined,
      );
    }, INTERVAL);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const receiver of this.#raised.keys()) this.#stopRaising(receiver);
  }

  #adapt(reports: readonly Report[]): void {
    for (const report of reports) {
      if (report['type'] !== 'inbound-rtp' || report['kind'] !== 'video') continue;
      const track = String(report['trackIdentifier']);
      const receiver = this.#receivers().find((one) => one.track.id === track);
      if (receiver === undefined || !('jitterBufferTarget' in receiver)) continue;
      const before = this.#pictures.get(track);
      const after = judged(before, report);
      this.#pictures.set(track, after);
      const isWorse = after.standsStill && before?.standsStill !== true;
      // What is set already would only make the browser begin anew.
      if (after.isLossy === (before?.isLossy ?? false) && !isWorse) continue;
      if (after.isLossy) this.#raise(receiver, after.standsStill ? MOST : repairTime(reports));
      else this.#drop(receiver);
    }
  }

  /** Step by step: the picture would stand still for as long as a leap is. */
  #raise(receiver: RTCRtpReceiver, target: number): void {
    this.#stopRaising(receiver);
    const step = (): void => {
      const next = Math.min(target, (receiver.jitterBufferTarget ?? 0) + STEP);
      receiver.jitterBufferTarget = next;
      if (next >= target) this.#stopRaising(receiver);
    };
    this.#raised.set(receiver, setInterval(step, STEP_INTERVAL));
    step();
  }

  #drop(receiver: RTCRtpReceiver): void {
    this.#stopRaising(receiver);
    receiver.jitterBufferTarget = null;
  }

  #stopRaising(receiver: RTCRtpReceiver): void {
    clearInterval(this.#raised.get(receiver));
    this.#raised.delete(receiver);
  }
}

/** What is known of one picture. */
interface Picture {
  readonly packets: number;
  /** How often packets were asked for again. */
  readonly requests: number;
  /** How often it stood still. */
  readonly freezes: number;
  readonly isLossy: boolean;
  /** It stood still though it had been given time. */
  readonly standsStill: boolean;
  /** Looks in a row that say otherwise. */
  readonly doubts: number;
}

function judged(before: Picture | undefined, report: Report): Picture {
  const sums = {
    packets: count(report['packetsReceived']),
    requests: count(report['nackCount']),
    freezes: count(report['freezeCount']),
  };
  const { isLossy = false, standsStill = false, doubts = 0 } = before ?? {};
  const came = sums.packets - (before?.packets ?? 0);
  const asked = sums.requests - (before?.requests ?? 0);
  if (before === undefined || came < LEAST_PACKETS) {
    return { ...sums, isLossy, standsStill, doubts };
  }
  const stood = isLossy && (standsStill || sums.freezes > before.freezes);
  const says = isLossy ? asked > QUIET * came : asked > LOSSY * came;
  if (says === isLossy) return { ...sums, isLossy, standsStill: stood, doubts: 0 };
  const enough = isLossy ? CALM_LOOKS : LOSSY_LOOKS;
  return doubts + 1 < enough
    ? { ...sums, isLossy, standsStill: stood, doubts: doubts + 1 }
    : { ...sums, isLossy: says, standsStill: false, doubts: 0 };
}

/** How long two repairs take, in ms; the publisher's part of the way may be the longer one. */
function repairTime(reports: readonly Report[]): number {
  const pairs = reports.filter(({ type }) => type === 'candidate-pair');
  const roundTrips = pairs.map((pair) => count(pair['currentRoundTripTime']) * 1_000);
  const time = 2 * (Math.max(0, ...roundTrips) + ASKING);
  return Math.round(Math.min(MOST, Math.max(LEAST, time)));
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

// In ms.
const INTERVAL = 1_000;
/** From a packet's loss to its repair, beyond the round trip: it is noticed at a later one, and asked for at intervals. */
const ASKING = 70;
const LEAST = 250;
/** More would be heard in a conversation. */
const MOST = 350;
/** At a time, of the wait: less than what browsers, and people, take for a standstill. */
const STEP = 60;
const STEP_INTERVAL = 200;
/** Fewer say nothing. */
const LEAST_PACKETS = 10;
/** Requests by packets that came. */
const LOSSY = 0.05;
const QUIET = 0.02;
const LOSSY_LOOKS = 2;
const CALM_LOOKS = 15;
