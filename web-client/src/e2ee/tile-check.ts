import { Recurrence } from './recurrence';
import { NOTICE_INTERVAL } from './worker/notices';

/**
 * Which slots get frames that are not of the one whom the server named there,
 * by the key that decrypted them. The worker shows none of these; what is
 * checked here is what the person is told.
 */
export class TileCheck extends Recurrence<number> {
  /** By slot, when somebody else got into it, by `performance.now()`. */
  readonly #changes = new Map<number, number>();

  constructor() {
    super(CHANGE_TIME, QUIET_TIME);
  }

  /** Another one's frames came in at `slot`. */
  override note(slot: number): void {
    // They may be the last ones of whoever was there before.
    const changed = this.#changes.get(slot) ?? -Infinity;
    if (performance.now() - changed >= CHANGE_TIME) super.note(slot);
  }

  /** Somebody else is in `slot`, or nobody. */
  handleChange(slot: number): void {
    this.#changes.set(slot, performance.now());
    this.forget(slot);
  }
}

/** How far frames and the server's word of them may be apart, in ms. */
export const CHANGE_TIME = 1000;

/** Longer than the pauses between the worker's notices, in ms. */
export const QUIET_TIME = 2 * NOTICE_INTERVAL;
