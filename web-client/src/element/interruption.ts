import { SleepWatch } from '../browser/sleep';
import { Emitter } from '../events';
import type { Room } from '../room/room';

/** Why a connection is interrupted, where this computer knows. */
export type InterruptionCause = 'asleep' | 'offline';

/** What is used of the browser's window. */
export type NetworkScope = Pick<Window, 'addEventListener' | 'removeEventListener'> & {
  readonly navigator: Pick<Navigator, 'onLine'>;
};

/** Knows of a room's interruptions whether the device slept or has no network. */
export class Interruption extends Emitter<{ changed: [] }> {
  readonly #scope: NetworkScope;
  #wokeAt: number | undefined;

  constructor(scope: NetworkScope) {
    super();
    this.#scope = scope;
  }

  get cause(): InterruptionCause | undefined {
    if (!this.#scope.navigator.onLine) return 'offline';
    const isFresh = this.#wokeAt !== undefined && Date.now() - this.#wokeAt < FRESH;
    return isFresh ? 'asleep' : undefined;
  }

  /** Watches for what may interrupt `room`; the returned function ends that. */
  follow(room: Room): () => void {
    this.#wokeAt = undefined;
    const tell = (): void => {
      this.emit('changed');
    };
    const sleepWatch = new SleepWatch(() => {
      this.#wokeAt = Date.now();
      tell();
    }, room.timers);
    const stop = room.on('stateChanged', (state) => {
      // The room may have noticed first.
      sleepWatch.look();
      // The next interruption is another.
      if (state === 'connected') this.#wokeAt = undefined;
    });
    for (const event of CHANGES) this.#scope.addEventListener(event, tell);
    return () => {
      stop();
      sleepWatch.stop();
      for (const event of CHANGES) this.#scope.removeEventListener(event, tell);
    };
  }
}

const CHANGES = ['online', 'offline'] as const;

/** After waking, in ms: what is interrupted later has another cause. */
const FRESH = 60_000;
