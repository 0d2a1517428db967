import type { TransformOptions, WorkerReport, WorkerRequest } from '../../../src/e2ee/messages';
import { Frames } from '../../../src/e2ee/worker/frames';
import { KeyRing, type EpochKeys } from '../../../src/e2ee/worker/sframe/key-ring';

// The client's own frames under keys that a test gives, where the client has those of its group.

declare const self: DedicatedWorkerGlobalScope;

type Request =
  | WorkerRequest
  | { readonly type: 'install'; readonly keys: EpochKeys }
  /** Holds the worker's only thread for so many ms. */
  | { readonly type: 'hang'; readonly duration: number };

const keyRing = new KeyRing();
const frames = new Frames(keyRing, { admits: () => true }, report);

self.addEventListener('rtctransform', ({ transformer }) => {
  frames.start(
    transformer.options as TransformOptions,
    transformer.readable,
    transformer.writable,
    transformer,
  );
});

self.addEventListener('message', (event: MessageEvent<Request>) => {
  const request = event.data;
  switch (request.type) {
    case 'encoded-streams':
      frames.start(request.options, request.readable, request.writable);
      break;
    case 'count-frames':
      frames.reportCounts();
      break;
    case 'install':
      void keyRing.install(request.keys);
      break;
    case 'hang': {
      const end = performance.now() + request.duration;
      while (performance.now() < end);
      break;
    }
    case 'occupy':
    case 'create-identity':
    case 'prove-join':
    case 'open-group':
    case 'rejoin-group':
    case 'connected':
    case 'leaders':
    case 'group-message':
    case 'open-door':
    case 'door-message':
    case 'tell-waiting':
    case 'tell':
    case 'keep-time':
      // The test is the group here.
      break;
  }
});

report({ type: 'ready' });

function report(message: WorkerReport): void {
  self.postMessage(message);
}
