/** Delays between attempts: each up to twice as long as the one before, and never the same for all. */
export class BackOff {
  #attempts = 0;

  /** The next delay, in ms. */
  next(): number {
    const longest = Math.min(SHORTEST * 2 ** this.#attempts, LONGEST);
    this.#attempts += 1;
    // After a restart all clients come at once unless chance keeps them apart.
    return longest * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#attempts = 0;
  }
}

// In ms.
const SHORTEST = 250;
const LONGEST = 4000;
