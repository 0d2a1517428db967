import { Emitter } from '../events';
import type { RemoteParticipant } from '../room/participant';

interface PauseNoticesEvents {
  /** Some picture is paused, or none is any more, and has been so for a while. */
  changed: [somePaused: boolean];
}

/** What is said aloud of paused pictures: once for all of them, and not of what passes at once. */
export class PauseNotices extends Emitter<PauseNoticesEvents> {
  #said = false;
  #present = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  update(participants: readonly RemoteParticipant[]): void {
    const somePaused = participants.some(
      ({ videoPaused, screenPaused }) =>
        videoPaused === 'slow-connection' || screenPaused === 'slow-connection',
    );
    if (somePaused === this.#present) return;
    this.#present = somePaused;
    clearTimeout(this.#timer);
    if (somePaused === this.#said) return;
    this.#timer = setTimeout(
      () => {
        this.#said = somePaused;
        this.emit('changed', somePaused);
      },
      somePaused ? PAUSED_FOR : BACK_FOR,
    );
  }

  /** Forgets all, without a word. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#said = false;
    this.#present = false;
  }
}

/** In ms. */
const PAUSED_FOR = 1000;
const BACK_FOR = 4000;
