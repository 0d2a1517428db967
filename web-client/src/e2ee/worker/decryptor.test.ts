import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Decryptor, MAX_WAIT, MAX_WAITING, type FrameSender } from './decryptor';
import { Encryptor } from './encryptor';
import { fakeFrame, received, type FrameType } from './fake-frame';
import type { EncodedFrame } from './frame-pipe';
import { NOTICE_INTERVAL } from './notices';
import { CONTEXTS, type Context } from './sframe/key-id';
import { KeyRing, SOUND_GRACE } from './sframe/key-ring';

const ALICE = { leaf: 0, participantId: 'alice' };

let alice: KeyRing;
let bob: KeyRing;
let passed: EncodedFrame[];
const admits = vi.fn<(sender: FrameSender) => boolean>();
const onSender = vi.fn();
const onUndecryptable = vi.fn();
const sendKeyFrameRequest = vi.fn<() => Promise<void>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetAllMocks();
  admits.mockReturnValue(true);
  sendKeyFrameRequest.mockResolvedValue();
  alice = new KeyRing();
  bob = new KeyRing();
  passed = [];
});

afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['audio/opus', CONTEXTS.microphone, undefined, 0x2a],
  ['audio/red', CONTEXTS.microphone, undefined, 0x2a],
  ['video/VP8', CONTEXTS.camera, 'key', 0x10],
  ['video/VP8', CONTEXTS.camera, 'delta', 0x11],
  ['video/VP9', CONTEXTS.camera, 'delta', 0x2a],
  ['video/AV1', CONTEXTS.screen, 'key', 0x2a],
] as const)('a frame of %s comes out as it went in', async (mimeType, context, type, first) => {
  await enter(1n);
  const plain = Uint8Array.from({ length: 100 }, (_, at) => (at === 0 ? first : at));

  await receive(
    slot(type === undefined ? 'audio' : 'video'),
    await send(context, mimeType, plain, type),
  );

  expect(passed.map(({ data }) => new Uint8Array(data))).toEqual([plain]);
});

test('a frame costs less than 24 bytes', async () => {
  await enter(2n ** 40n);
  const plain = Uint8Array.from({ length: 80 }, () => 0x11);

  for (const [context, mimeType] of [
    [CONTEXTS.microphone, 'audio/opus'],
    [CONTEXTS['screen-audio'], 'audio/opus'],
    [CONTEXTS.screen, 'video/VP8'],
    [CONTEXTS.screen, 'video/AV1'],
  ] as const) {
    for (let sent = 0; sent < 300; sent++) {
      const [frame] = await send(context, mimeType, plain, 'delta');
      expect(frame!.data.byteLength - plain.length, mimeType).toBeLessThan(24);
    }
  }
});

test('a frame in the clear is dropped and told of', async () => {
  await enter(1n);

  await receive(slot('audio'), [opus(0xfc)]);

  expect(passed).toEqual([]);
  expect(onUndecryptable).toHaveBeenCalledOnce();
});

test('a VP8 frame whose clear bytes were changed is dropped', async () => {
  await enter(1n);
  const [frame] = await send(
    CONTEXTS.camera,
    'video/VP8',
    Uint8Array.of(0x10, ...(Array(30).fill(7) as number[])),
    'key',
  );
  new Uint8Array(frame!.data)[9]! ^= 1;

  await receive(slot('video'), [frame!]);

  expect(passed).toEqual([]);
  expect(onUndecryptable).toHaveBeenCalledWith('forged');
});

test.each([
  ['audio', CONTEXTS.camera],
  ['audio', CONTEXTS.screen],
  ['video', CONTEXTS.microphone],
  ['video', CONTEXTS['screen-audio']],
] as const)('no %s slot takes a frame of context %d', async (kind, context) => {
  await enter(1n);

  await receive(slot(kind), await send(context));

  expect(passed).toEqual([]);
  expect(onUndecryptable).toHaveBeenCalledWith('wrong-context');
});

test('a codec that is unknown or never sent is dropped', async () => {
  await enter(1n);
  const decryptor = slot('video');

  await receive(decryptor, [
    fakeFrame('video/H264', Uint8Array.of(1)),
    fakeFrame(undefined, Uint8Array.of(1)),
  ]);

  expect(passed).toEqual([]);
  expect(onUndecryptable).toHaveBeenCalledExactlyOnceWith('codec');
});

test('duplicates and empty frames are dropped without a word', async () => {
  await enter(1n);
  const decryptor = slot('audio');
  const frames = await send(CONTEXTS.microphone);

  await receive(decryptor, [...frames, ...frames, fakeFrame('audio/opus', new Uint8Array())]);

  expect(passed).toHaveLength(1);
  expect(onUndecryptable).not.toHaveBeenCalled();
});

test('whose frames they are is told before the first is shown, and when it changes', async () => {
  await enter(1n);
  const decryptor = slot('video');
  onSender.mockImplementationOnce(() => {
    expect(passed).toEqual([]);
  });

  await receive(decryptor, [...(await send(CONTEXTS.camera)), ...(await send(CONTEXTS.camera))]);
  await receive(decryptor, await send(CONTEXTS.screen));
  await enter(2n);
  await receive(decryptor, await send(CONTEXTS.screen));

  expect(onSender.mock.calls).toEqual([
    [{ ...ALICE, epoch: 1n, context: CONTEXTS.camera }],
    [{ ...ALICE, epoch: 1n, context: CONTEXTS.screen }],
    [{ ...ALICE, epoch: 2n, context: CONTEXTS.screen }],
  ]);
});

test('of senders that alternate, only the frames of the one who belongs there pass', async () => {
  await enter(1n);
  admits.mockImplementation(({ context }) => context === CONTEXTS.camera);
  const decryptor = slot('video');
  const own = await send(CONTEXTS.camera);

  for (let round = 0; round < 10; round++) {
    await receive(decryptor, await send(CONTEXTS.screen));
    await receive(decryptor, await send(CONTEXTS.camera));
  }
  await receive(decryptor, own);

  expect(passed).toHaveLength(11);
  expect(admits).toHaveBeenCalledWith(expect.objectContaining({ participantId: 'alice', leaf: 0 }));
  expect(onUndecryptable).toHaveBeenCalledExactlyOnceWith('foreign');
});

test('frames of a coming epoch wait for its keys and come out in order', async () => {
  await enter(1n);
  await alice.install(epochKeys(2n, 0));
  await vi.advanceTimersByTimeAsync(SOUND_GRACE);
  const decryptor = slot('audio');

  for (const first of [1, 2, 3]) await receive(decryptor, await sendOpus(first));
  expect(passed).toEqual([]);
  expect(decryptor.waited).toBe(3);
  const installed = bob.install(epochKeys(2n, 1));
  await receive(decryptor, await sendOpus(4));
  await installed;
  await receive(decryptor, await sendOpus(5));

  expect(passed.map(({ data }) => new Uint8Array(data)[0])).toEqual([1, 2, 3, 4, 5]);
  expect(onUndecryptable).not.toHaveBeenCalled();
});

test('sound does not wait when keys come to one later than to another', async () => {
  await enter(1n);
  await alice.install(epochKeys(2n, 0));
  const decryptor = slot('audio');

  for (let at = 0; at < SOUND_GRACE; at += 20) {
    await receive(decryptor, await sendOpus(1));
    await vi.advanceTimersByTimeAsync(20);
  }
  await bob.install(epochKeys(2n, 1));
  await receive(decryptor, await sendOpus(2));

  expect(passed).toHaveLength(SOUND_GRACE / 20 + 1);
  expect(decryptor.waited).toBe(0);
  expect(onSender).toHaveBeenLastCalledWith({ ...ALICE, epoch: 2n, context: CONTEXTS.microphone });
});

test('frames of the epoch before go on while later ones wait', async () => {
  await enter(1n);
  const late = await sendOpus(1);
  await alice.install(epochKeys(2n, 0));
  await vi.advanceTimersByTimeAsync(SOUND_GRACE);
  const decryptor = slot('audio');

  await receive(decryptor, await sendOpus(2));
  await receive(decryptor, late);

  expect(passed).toHaveLength(1);
});

test('a frame whose keys do not come is dropped in time', async () => {
  await enter(1n);
  await alice.install(epochKeys(2n, 0));
  await vi.advanceTimersByTimeAsync(SOUND_GRACE);
  const decryptor = slot('audio');

  await receive(decryptor, await sendOpus(1));
  await vi.advanceTimersByTimeAsync(MAX_WAIT - 10);
  expect(onUndecryptable).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20);
  expect(onUndecryptable).toHaveBeenCalledExactlyOnceWith('no-key');
  await bob.install(epochKeys(2n, 1));
  await vi.advanceTimersByTimeAsync(10);

  expect(passed).toEqual([]);
});

test('no more frames wait than there is room for, and the newest are kept', async () => {
  await alice.install(epochKeys(1n, 0));
  const decryptor = slot('audio');

  for (let sent = 0; sent < MAX_WAITING + 5; sent++) {
    await receive(decryptor, await sendOpus(sent % 256));
  }
  await bob.install(epochKeys(1n, 1));
  await receive(decryptor, await sendOpus(250));

  expect(passed).toHaveLength(MAX_WAITING + 1);
  expect(new Uint8Array(passed[0]!.data)[0]).toBe(5);
});

test('without any loss no key frame is asked for', async () => {
  await enter(1n);
  await alice.install(epochKeys(2n, 0));
  const decryptor = slot('video');

  await receive(decryptor, await send(CONTEXTS.camera));
  await bob.install(epochKeys(2n, 1));
  await receive(decryptor, await send(CONTEXTS.camera));

  expect(passed).toHaveLength(2);
  expect(sendKeyFrameRequest).not.toHaveBeenCalled();
});

test('after a loss a key frame is asked for, until one comes and not too often', async () => {
  await enter(1n);
  const decryptor = slot('video');

  await receive(decryptor, [fakeFrame('video/VP9', new Uint8Array(40).fill(0xee), 'delta')]);
  expect(sendKeyFrameRequest).not.toHaveBeenCalled();
  await receive(decryptor, await send(CONTEXTS.camera));
  await receive(decryptor, await send(CONTEXTS.camera));
  expect(sendKeyFrameRequest).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(NOTICE_INTERVAL);
  await receive(decryptor, await send(CONTEXTS.camera));
  expect(sendKeyFrameRequest).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(NOTICE_INTERVAL);
  await receive(decryptor, await send(CONTEXTS.camera, 'video/VP9', undefined, 'key'));
  await receive(decryptor, await send(CONTEXTS.camera));

  expect(sendKeyFrameRequest).toHaveBeenCalledTimes(2);
});

test('what cannot be decrypted is told of once a second', async () => {
  await enter(1n);
  const decryptor = slot('audio');

  await receive(decryptor, [opus(0xfc), opus(0xfc)]);
  expect(onUndecryptable).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(NOTICE_INTERVAL);
  await receive(decryptor, [opus(0xfc)]);

  expect(onUndecryptable).toHaveBeenCalledTimes(2);
});

test('a new transform of a slot takes no frame that the one before took', async () => {
  await enter(1n);
  const frames = await send(CONTEXTS.microphone);
  const before = slot('audio');
  await receive(before, frames);
  before.end();

  await receive(slot('audio'), frames);

  expect(passed).toHaveLength(1);
});

function slot(kind: 'audio' | 'video'): Decryptor {
  return new Decryptor(
    bob,
    `${kind} 0`,
    kind,
    { sendKeyFrameRequest },
    { admits, onSender, onUndecryptable },
  );
}

async function receive(decryptor: Decryptor, frames: readonly EncodedFrame[]): Promise<void> {
  for (const frame of frames) {
    await decryptor.handle(received(frame), (done) => {
      passed.push(done);
    });
  }
}

async function send(
  context: Context,
  mimeType = 'video/VP9',
  data: Uint8Array<ArrayBuffer> = Uint8Array.of(1, 2, 3),
  type: FrameType | undefined = 'delta',
): Promise<EncodedFrame[]> {
  const sent: EncodedFrame[] = [];
  const encryptor = new Encryptor(alice, context, {}, (reason) => {
    throw new Error(reason);
  });
  await encryptor.handle(fakeFrame(mimeType, data, type), (frame) => sent.push(frame));
  return sent;
}

function sendOpus(first: number): Promise<EncodedFrame[]> {
  return send(CONTEXTS.microphone, 'audio/opus', new Uint8Array(80).fill(first), undefined);
}

function opus(first: number): EncodedFrame {
  return fakeFrame('audio/opus', new Uint8Array(80).fill(first));
}

async function enter(epoch: bigint): Promise<void> {
  await alice.install(epochKeys(epoch, 0));
  await bob.install(epochKeys(epoch, 1));
}

function epochKeys(epoch: bigint, ownLeaf: number): Parameters<KeyRing['install']>[0] {
  const baseKey = new Uint8Array(32).fill(Number(epoch % 256n));
  return { epoch, baseKey, ownLeaf, leafCount: 4, members: new Map([[0, 'alice']]) };
}
