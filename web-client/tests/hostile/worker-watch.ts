import type { FrameCount, WorkerReport } from '../../src/e2ee/messages';

/** What a page's encryption worker says. */
export interface WorkerWatch {
  /** Oldest first. */
  readonly reports: WorkerReport[];
  /** How many frames went through each transform. */
  counts(): Promise<readonly FrameCount[]>;
}

declare global {
  interface Window {
    workerWatch: WorkerWatch;
  }
}

/**
 * Runs in the page before its own scripts: serialised as a whole, so it uses
 * nothing from outside itself.
 */
export function watchWorker(): void {
  const reports: WorkerReport[] = [];
  let latest: Worker | undefined;
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      // eslint-disable-next-line @typescript-eslint/no-this-alias
      latest = this;
      this.addEventListener('message', (event: MessageEvent<WorkerReport>) => {
        reports.push(event.data);
      });
    }
  };
  window.workerWatch = {
    reports,
    counts: () =>
      new Promise((resolve) => {
        const worker = latest;
        if (worker === undefined) throw new Error('the page has no worker');
        const take = ({ data }: MessageEvent<WorkerReport>): void => {
          if (data.type !== 'frame-counts') return;
          worker.removeEventListener('message', take);
          resolve(data.counts);
        };
        worker.addEventListener('message', take);
        worker.postMessage({ type: 'count-frames' });
      }),
  };
}
