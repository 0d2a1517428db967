import type { WorkerReport, WorkerRequest } from './messages';
import type { TransformWorker } from './transforms';

/** A worker that the test speaks for. */
export class FakeWorker extends EventTarget implements TransformWorker {
  readonly requests: WorkerRequest[] = [];
  isTerminated = false;

  postMessage(request: WorkerRequest): void {
    this.requests.push(request);
    if (request.type === 'open-group') this.report({ type: 'key-package', keyPackage: 'key' });
  }

  terminate(): void {
    this.isTerminated = true;
  }

  report(report: WorkerReport): void {
    this.dispatchEvent(new MessageEvent('message', { data: report }));
  }

  crash(message: string): void {
    this.dispatchEvent(Object.assign(new Event('error'), { message }));
  }
}
