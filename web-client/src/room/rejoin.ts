import type { Timers } from '../browser/timers';
import { BackOff } from '../signaling/back-off';
import type { QuietroomErrorCode } from '../error';

/** When to join again after a stay was lost through no wish of anybody's. */
export class Rejoin {
  readonly #attempt: () => void;
  readonly #timers: Timers;
  readonly #backOff = new BackOff();
  readonly #isOffline: () => boolean;
  #since: number | undefined;
  #stopTimer: () => void = () => undefined;
  #isWaiting = false;
  #isHeld = false;
  /** Of the attempt under way, until it is answered. */
  #unanswered: { readonly since: number; readonly giveUp: () => void } | undefined;

  /** `isOffline` tells that the machine knows of no network. */
  constructor(attempt: () => void, timers: Timers, isOffline: () => boolean) {
    this.#attempt = attempt;
    this.#timers = timers;
    this.#isOffline = isOffline;
  }

  /** Whether the stay is lost and not yet found again. */
  get isUnderWay(): boolean {
    return this.#since !== undefined;
  }

  /**
   * Plans the next attempt. Returns whether there is one: after two minutes
   * there is none. Where the machine knows of no network those do not begin.
   */
  plan(): boolean {
    if (this.#isHeld || this.#isOffline()) this.#since = undefined;
    this.#isHeld = false;
    this.#since ??= Date.now();
    if (Date.now() - this.#since > PATIENCE) return false;
    this.#wait(this.#backOff.next());
    return true;
  }

  /** The attempt under way has so long, in ms, before `giveUp` is called. */
  limit(milliseconds: number, giveUp: () => void): void {
    this.#stopTimer();
    this.#unanswered = { since: Date.now(), giveUp };
    this.#stopTimer = this.#timers.after(milliseconds, giveUp);
  }

  /** Somebody has to let us in, which takes as long as it takes: no limit holds. */
  hold(): void {
    this.#stopTimer();
    this.#unanswered = undefined;
    this.#isHeld = true;
  }

  /** The server has let us in; its limit holds until there is media. */
  handleAnswered(): void {
    this.#unanswered = undefined;
  }

  /**
   * The network is there again, or another one, or the machine has slept: does
   * not wait any longer, neither for the next attempt nor for one that was made
   * on what was there before, and has its time anew.
   */
  hurry(): void {
    if (this.#since !== undefined) this.#since = Date.now();
    if (this.#isWaiting) {
      this.#backOff.reset();
      this.#wait(0);
    } else if (this.#unanswered !== undefined && Date.now() - this.#unanswered.since > HOPEFUL) {
      this.#backOff.reset();
      this.#unanswered.giveUp();
    }
  }

  /** Ends it, as we are in again or are not to be. */
  end(): void {
    this.#stopTimer();
    this.#unanswered = undefined;
    this.#isWaiting = false;
    this.#isHeld = false;
    this.#since = undefined;
    this.#backOff.reset();
  }

  #wait(milliseconds: number): void {
    this.#stopTimer();
    this.#unanswered = undefined;
    this.#isWaiting = true;
    this.#stopTimer = this.#timers.after(milliseconds, () => {
      this.#isWaiting = false;
      this.#attempt();
    });
  }
}

/** Whether joining again may mend an error that ended a stay, or an attempt to find it again. */
export function mayRejoinAfter(code: QuietroomErrorCode): boolean {
  return MENDABLE.has(code);
}

const MENDABLE: ReadonlySet<QuietroomErrorCode> = new Set([
  'signaling-closed',
  'signaling-unreachable',
  'resume-refused',
  'media-disconnected',
  'media-unreachable',
  // Whoever joins again gets other credentials.
  'relay-refused',
  'join-timeout',
  'shutting-down',
  'server-full',
  'rate-limited',
  'internal',
  // The former stay may be about to end: somebody is here under our id.
  'invalid-message',
]);

// In ms.

/** How long it is tried. */
const PATIENCE = 120_000;

/** An attempt that is no older may be on the network that is there now. */
const HOPEFUL = 500;
