/** Which of a key id's newest counters have been seen, so that none is taken twice. */
export class ReplayWindow {
  /** A bit for each counter, by its value modulo the window's size. */
  readonly #seen = new Uint32Array(REPLAY_WINDOW / 32);
  #highest = -1;

  /** Whether a counter is neither seen nor too old to tell. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - REPLAY_WINDOW) return false;
    return (this.#word(counter) & bit(counter)) === 0;
  }

  /** Notes the counter of an authenticated frame; `false` if it isn't fresh. */
  accept(counter: number): boolean {
    if (!this.isFresh(counter)) return false;
    if (counter > this.#highest) this.#advance(counter);
    this.#seen[wordIndex(counter)] = this.#word(counter) | bit(counter);
    return true;
  }

  #advance(counter: number): void {
    if (counter - this.#highest >= REPLAY_WINDOW) this.#seen.fill(0);
    else {
      for (let passed = this.#highest + 1; passed < counter; passed++) {
        this.#seen[wordIndex(passed)] = this.#word(passed) & ~bit(passed);
      }
      this.#seen[wordIndex(counter)] = this.#word(counter) & ~bit(counter);
    }
    this.#highest = counter;
  }

  #word(counter: number): number {
    return this.#seen[wordIndex(counter)] ?? 0;
  }
}

/**
 * In frames. A camera's layers share a counter, so at 90 frames a second this
 * is eleven seconds: longer than any jitter buffer holds a frame back.
 */
export const REPLAY_WINDOW = 1024;

function wordIndex(counter: number): number {
  return Math.floor((counter % REPLAY_WINDOW) / 32);
}

function bit(counter: number): number {
  return 1 << (counter % 32);
}
