import type { TransformOptions, WorkerReport, WorkerRequest } from '../messages';
import { Frames } from './frames';
import { GroupWorker } from './group-worker';
import { Occupancy } from './occupancy';
import { KeyRing } from './sframe/key-ring';

declare const self: DedicatedWorkerGlobalScope;

const keyRing = new KeyRing();
const occupancy = new Occupancy();
const frames = new Frames(keyRing, occupancy, report);
const group = new GroupWorker(keyRing, report);

self.addEventListener('rtctransform', ({ transformer }) => {
  frames.start(
    transformer.options as TransformOptions,
    transformer.readable,
    transformer.writable,
    transformer,
  );
});

self.addEventListener('message', (event: MessageEvent<WorkerRequest>) => {
  const request = event.data;
  switch (request.type) {
    case 'encoded-streams':
      frames.start(request.options, request.readable, request.writable);
      break;
    case 'count-frames':
      frames.reportCounts();
      break;
    case 'keep-time':
      setTimeout(() => {
        report({ type: 'time', id: request.id });
      }, request.milliseconds);
      break;
    case 'occupy':
      occupancy.occupy(request.slot, request.occupant);
      break;
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
      group.handle(request);
      break;
  }
});

report({ type: 'ready' });

function report(message: WorkerReport): void {
  self.postMessage(message);
}
