import type { WorkerReport, WorkerRequest } from './messages';
import type { TransformWorker } from './transforms';

/** A worker that the test speaks for. */
export class FakeWorker extends EventTarget implements TransformWorker {
  readonly requests: WorkerRequest[] = [];
  isTerminated = false;

  postMessage(request: WorkerRequest): void {
    this.requests.push(request);
    if (request.type === 'open-group') this.report({ type: 'key-package', keyPackage: 'key' });
    if (request.type === 'create-identity') this.report({ type: 'identity', key: 'public' });
    if (request.type === 'prove-join') {
      const key = { kty: 'OKP', crv: 'Ed25519', x: 'public' };
      this.report({ type: 'join-proof', proof: { key, signature: `of ${request.nonce}` } });
    }
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
