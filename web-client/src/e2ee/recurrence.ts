import { Emitter } from '../events';

interface RecurrenceEvents<Key> {
  /** It has begun, lasts by now, or is over. */
  changed: [key: Key];
}

/** Tells what goes on from what was a moment only, where each is reported while it happens. */
export class Recurrence<Key> extends Emitter<RecurrenceEvents<Key>> {
  readonly #lasting: number;
  readonly #quiet: number;
  readonly #seen = new Map<Key, Seen>();

  /**
   * What is reported again `lasting` ms after it began, or later, goes on; what
   * is not reported for `quiet` ms is over.
   */
  constructor(lasting: number, quiet: number) {
    super();
    this.#lasting = lasting;
    this.#quiet = quiet;
  }

  note(key: Key): void {
    const before = this.#seen.get(key);
    clearTimeout(before?.timer);
    const now = performance.now();
    const since = before?.since ?? now;
    const lasts = now - since >= this.#lasting;
    const timer = setTimeout(() => {
      this.forget(key);
    }, this.#quiet);
    this.#seen.set(key, { since, lasts, timer });
    if (before?.lasts !== lasts) this.emit('changed', key);
  }

  /** Begins anew. */
  forget(key: Key): void {
    const seen = this.#seen.get(key);
    if (seen === undefined) return;
    clearTimeout(seen.timer);
    this.#seen.delete(key);
    this.emit('changed', key);
  }

  /** Whether it happened just now. */
  isPresent(key: Key): boolean {
    return this.#seen.has(key);
  }

  /** Whether it goes on. */
  lasts(key: Key): boolean {
    return this.#seen.get(key)?.lasts ?? false;
  }

  close(): void {
    for (const { timer } of this.#seen.values()) clearTimeout(timer);
    this.#seen.clear();
  }
}

interface Seen {
  /** By `performance.now()`. */
  readonly since: number;
  readonly lasts: boolean;
  readonly timer: ReturnType<typeof setTimeout>;
}
