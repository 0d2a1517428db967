import { Timers } from '../browser/timers';

/**
 * Notices that a path on which something came all the time has fallen silent:
 * several seconds before browsers do, who wait for connectivity checks.
 */
export class SilenceWatch {
  readonly #received: () => Promise<number>;
  readonly #fellSilent: () => void;
  readonly #timers: Timers;
  #stopTimer: () => void = () => undefined;
  #isRunning = false;
  #last = 0;
  #grewAt = 0;
  /** Looks in a row at which something had come. */
  #lively = 0;
  #isSilent = false;

  /** `received`: how many bytes have come so far. */
  constructor(received: () => Promise<number>, fellSilent: () => void, timers = new Timers()) {
    this.#received = received;
    this.#fellSilent = fellSilent;
    this.#timers = timers;
  }

  /** Whether nothing has come since it was noticed. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Idempotent. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#lively = 0;
    this.#plan();
  }

  stop(): void {
    this.#isRunning = false;
    this.#stopTimer();
  }

  #plan(): void {
    this.#stopTimer();
    this.#stopTimer = this.#timers.after(INTERVAL, () => {
      this.#received().then(
        (bytes) => {
          if (!this.#isRunning) return;
          this.#judge(bytes);
          this.#plan();
        },
        () => undefined,
      );
    });
  }

  #judge(bytes: number): void {
    const now = Date.now();
    if (bytes !== this.#last) {
      const isSteady = now - this.#grewAt < 2 * INTERVAL;
      this.#lively = isSteady ? this.#lively + 1 : 0;
      this.#last = bytes;
      this.#grewAt = now;
      this.#isSilent = false;
    } else if (now - this.#grewAt >= SILENCE) {
      // Where little comes, silence says nothing; and once is enough.
      const wasLively = this.#lively >= LIVELY;
      this.#lively = 0;
      if (!wasLively) return;
      this.#isSilent = true;
      this.#fellSilent();
    }
  }
}

// In ms.
const INTERVAL = 250;
/** Longer than what the server sends without being asked is apart, and than a radio is away. */
const SILENCE = 900;
/** Looks, one second in all. */
const LIVELY = 4;
