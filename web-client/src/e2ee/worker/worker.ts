import type { TransformOptions, WorkerReport, WorkerRequest } from '../messages';
import { FramePipe, type EncodedFrame } from './frame-pipe';

declare const self: DedicatedWorkerGlobalScope;

const pipes = new Map<number, FramePipe>();

self.addEventListener('rtctransform', (event) => {
  const { transformer } = event;
  start(transformer.options as TransformOptions, transformer.readable, transformer.writable);
});

self.addEventListener('message', (event: MessageEvent<WorkerRequest>) => {
  const request = event.data;
  switch (request.type) {
    case 'encoded-streams':
      start(request.options, request.readable, request.writable);
      break;
    case 'count-frames':
      report({
        type: 'frame-counts',
        counts: [...pipes.values()].map((pipe) => ({ ...pipe.options, frames: pipe.frames })),
      });
      break;
  }
});

report({ type: 'ready' });

function start(
  options: TransformOptions,
  readable: ReadableStream,
  writable: WritableStream,
): void {
  const pipe = new FramePipe(options);
  pipes.set(options.id, pipe);
  pipe.run(readable as ReadableStream<EncodedFrame>, writable as WritableStream<EncodedFrame>).then(
    () => pipes.delete(options.id),
    (reason: unknown) => {
      pipes.delete(options.id);
      report({ type: 'transform-failed', id: options.id, reason: String(reason) });
    },
  );
  report({ type: 'transform-ready', id: options.id });
}

function report(message: WorkerReport): void {
  self.postMessage(message);
}
