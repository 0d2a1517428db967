import { Timers } from './timers';

/** Notices that the device has slept, by a clock that went on while timers did not. */
export class SleepWatch {
  readonly #slept: () => void;
  readonly #timers: Timers;
  #last = Date.now();
  #stopTimer: () => void;

  /** Calls `slept` after the device has, until {@link SleepWatch.stop}. */
  constructor(slept: () => void, timers = new Timers()) {
    this.#slept = slept;
    this.#timers = timers;
    this.#stopTimer = this.#plan();
  }

  /** Looks now, and not only when it is time again. */
  look(): void {
    const now = Date.now();
    const gap = now - this.#last;
    this.#last = now;
    if (gap > LONGEST_GAP) this.#slept();
  }

  stop(): void {
    this.#stopTimer();
  }

  #plan(): () => void {
    return this.#timers.after(INTERVAL, () => {
      this.#stopTimer = this.#plan();
      this.look();
    });
  }
}

// In ms.
const INTERVAL = 1000;
/** Longer than a busy device leaves between two looks, shorter than what a path survives. */
const LONGEST_GAP = 8000;
