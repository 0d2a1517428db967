import { beforeEach, expect, test, vi } from 'vitest';
import { FakeWorker } from './fake-worker';
import { Transforms } from './transforms';

const MICROPHONE = { direction: 'send', source: 'microphone' } as const;

class FakeScriptTransform {
  constructor(
    readonly worker: unknown,
    readonly options: unknown,
  ) {}
}

let worker: FakeWorker;
let sender: RTCRtpSender;

beforeEach(() => {
  vi.stubGlobal('RTCRtpScriptTransform', FakeScriptTransform);
  worker = new FakeWorker();
  sender = { transform: null } as RTCRtpSender;
});

test('the transform is set before install returns', () => {
  const transforms = new Transforms(worker, 'script-transform');

  void transforms.install(sender, MICROPHONE);

  expect(sender.transform).toMatchObject({
    worker,
    options: { id: 1, direction: 'send', source: 'microphone' },
  });
});

test('install resolves only at the worker’s word for that transform', async () => {
  const transforms = new Transforms(worker, 'script-transform');
  const settled = vi.fn();
  const installed = transforms.install(sender, MICROPHONE).then(settled);

  worker.report({ type: 'ready' });
  worker.report({ type: 'transform-ready', id: 2 });
  await Promise.resolve();
  expect(settled).not.toHaveBeenCalled();

  worker.report({ type: 'transform-ready', id: 1 });
  await installed;
  expect(settled).toHaveBeenCalledOnce();
});

test('a worker that crashes fails what waits, what comes, and says so once', async () => {
  const transforms = new Transforms(worker, 'script-transform');
  const failed = vi.fn();
  transforms.on('failed', failed);
  const installed = transforms.install(sender, MICROPHONE);

  worker.crash('out of memory');
  worker.crash('again');

  await expect(installed).rejects.toMatchObject({ code: 'encryption-failed' });
  await expect(transforms.ready).rejects.toMatchObject({ code: 'encryption-failed' });
  await expect(transforms.install(sender, MICROPHONE)).rejects.toMatchObject({
    code: 'encryption-failed',
  });
  expect(failed).toHaveBeenCalledOnce();
});

test('a single transform that fails is a failure of all', () => {
  const transforms = new Transforms(worker, 'script-transform');
  const failed = vi.fn();
  transforms.on('failed', failed);

  worker.report({ type: 'transform-failed', id: 1, reason: 'no key' });

  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ cause: 'no key' }));
});

test('the older interface hands its streams to the worker at once', () => {
  const readable = new ReadableStream();
  const writable = new WritableStream();
  const transforms = new Transforms(worker, 'encoded-streams');

  void transforms.install(
    Object.assign(sender, { createEncodedStreams: () => ({ readable, writable }) }),
    MICROPHONE,
  );

  expect(worker.requests).toMatchObject([{ type: 'encoded-streams', readable, writable }]);
});

test('closing ends the worker without calling it a failure', async () => {
  const transforms = new Transforms(worker, 'script-transform');
  const failed = vi.fn();
  transforms.on('failed', failed);
  const installed = transforms.install(sender, MICROPHONE);

  transforms.close();

  expect(worker.isTerminated).toBe(true);
  await expect(installed).rejects.toMatchObject({ code: 'encryption-failed' });
  expect(failed).not.toHaveBeenCalled();
});
