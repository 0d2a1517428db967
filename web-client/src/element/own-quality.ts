import { Emitter } from '../events';
import type { ConnectionQuality } from '../room/participant';

/** The own connection as it is told in words: what passes in a moment is not. */
export class OwnQuality extends Emitter<{ changed: [] }> {
  #told: ConnectionQuality = GOOD;
  #latest: ConnectionQuality = GOOD;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get told(): ConnectionQuality {
    return this.#told;
  }

  update(quality: ConnectionQuality): void {
    this.#latest = quality;
    if (isSame(quality, this.#told)) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    // What is told is wrong for all of the while, whatever would be right.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#told = this.#latest;
      this.emit('changed');
    }, HELD_FOR);
  }

  /** Forgets all, without a word. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#told = GOOD;
    this.#latest = GOOD;
  }
}

function isSame(one: ConnectionQuality, other: ConnectionQuality): boolean {
  return one.level === other.level && one.cause === other.cause;
}

const GOOD: ConnectionQuality = { level: 'good' };

/** In ms. */
const HELD_FOR = 5000;
