import type { WorkerReport, WorkerRequest } from '../e2ee/messages';
import type { TransformWorker } from '../e2ee/transforms';

/**
 * Timers that are in time while the page is in the background too. Browsers let
 * the timers of such pages run once a second, and once a minute where nothing
 * is heard for long and no media flows, which is just when a connection is
 * lost; those of a worker they leave alone.
 */
export class Timers {
  readonly #isHidden: () => boolean;
  readonly #pending = new Map<number, () => void>();
  #worker: TransformWorker | undefined;
  #next = 1;

  /** `isHidden` says whether the page is in the background. */
  constructor(isHidden: () => boolean = isPageHidden) {
    this.#isHidden = isHidden;
  }

  /** Has `worker` keep the time from now on, beside the page. */
  useWorker(worker: TransformWorker): void {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<WorkerReport>) => {
      if (data.type === 'time') this.#pending.get(data.id)?.();
    });
  }

  /**
   * Calls `act` once in so many ms, unless the returned function was called by
   * then. The worker is asked if the page is hidden by now: a timer that was set
   * while it was seen may be late once, so long ones are to be set in short steps.
   */
  after(milliseconds: number, act: () => void): () => void {
    const id = this.#next++;
    const stop = (): void => {
      this.#pending.delete(id);
      clearTimeout(timer);
    };
    const run = (): void => {
      stop();
      act();
    };
    this.#pending.set(id, run);
    // The worker may be slow to load, or gone: whichever is first.
    const timer = setTimeout(run, milliseconds);
    const request: WorkerRequest = { type: 'keep-time', id, milliseconds };
    if (this.#isHidden()) this.#worker?.postMessage(request);
    return stop;
  }
}

function isPageHidden(): boolean {
  return typeof document !== 'undefined' && document.hidden;
}
