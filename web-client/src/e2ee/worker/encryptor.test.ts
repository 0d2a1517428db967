import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Encryptor } from './encryptor';
import { fakeFrame, type FrameType } from './fake-frame';
import type { EncodedFrame } from './frame-pipe';
import { CONTEXTS } from './sframe/key-id';
import { KeyRing } from './sframe/key-ring';

let keyRing: KeyRing;
let encryptor: Encryptor;
let sent: EncodedFrame[];
const onUnsent = vi.fn();
const generateKeyFrame = vi.fn<() => Promise<void>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetAllMocks();
  generateKeyFrame.mockResolvedValue();
  keyRing = new KeyRing();
  sent = [];
  encryptor = new Encryptor(keyRing, CONTEXTS.camera, { generateKeyFrame }, onUnsent);
});

afterEach(() => {
  vi.useRealTimers();
});

test('without a key nothing is sent', async () => {
  await send('video/VP8', 0x10, 'key');
  await send('audio/opus', 0xfc);

  expect(sent).toEqual([]);
  expect(onUnsent).toHaveBeenCalledExactlyOnceWith('no-key');
});

test.each(['video/H264', 'video/unheard-of', undefined])('%s is not sent', async (mimeType) => {
  await installKeys();

  await send(mimeType, 0x10, 'key');

  expect(sent).toEqual([]);
  expect(onUnsent).toHaveBeenCalledExactlyOnceWith('codec');
});

test('a frame that would be clear bytes only is not sent', async () => {
  await installKeys();

  await encryptor.handle(fakeFrame('video/VP8', new Uint8Array(10), 'key'), pass);

  expect(sent).toEqual([]);
  expect(onUnsent).toHaveBeenCalledExactlyOnceWith('malformed');
});

test('an empty frame is dropped without a word', async () => {
  await installKeys();

  await encryptor.handle(fakeFrame('audio/opus', new Uint8Array()), pass);

  expect(sent).toEqual([]);
  expect(onUnsent).not.toHaveBeenCalled();
});

test('nothing but the clear bytes can be seen in what is sent', async () => {
  await installKeys();
  const plain = new Uint8Array(1_000).fill(0x5a);

  for (const mimeType of ['audio/opus', 'video/VP8', 'video/VP9', 'video/AV1']) {
    await encryptor.handle(fakeFrame(mimeType, plain, 'delta'), pass);
  }

  expect(sent).toHaveLength(4);
  for (const { data } of sent) {
    const text = String.fromCharCode(...new Uint8Array(data));
    expect(text.slice(10)).not.toContain('ZZZ');
  }
});

test('of sound whose packets vary in size that cannot be seen', async () => {
  await installKeys();

  for (const length of [95, 110, 70, 80, 63]) {
    await encryptor.handle(fakeFrame('audio/opus', new Uint8Array(length).fill(0x78)), pass);
  }

  expect(sent).toHaveLength(5);
  expect(new Set(sent.map(({ data }) => data.byteLength)).size).toBe(1);
});

test('when sending starts late with an inter frame, a key frame is made', async () => {
  await send('video/VP8', 0x10, 'key');
  await installKeys();
  await send('video/VP8', 0x11, 'delta');
  await send('video/VP8', 0x11, 'delta');

  expect(generateKeyFrame).toHaveBeenCalledOnce();
});

test('when sending starts with a key frame, no other is made', async () => {
  await send('video/VP8', 0x11, 'delta');
  await installKeys();
  await send('video/VP8', 0x10, 'key');
  await send('video/VP8', 0x11, 'delta');

  expect(generateKeyFrame).not.toHaveBeenCalled();
});

function installKeys(): Promise<void> {
  const baseKey = new Uint8Array(32).fill(1);
  return keyRing.install({ epoch: 1n, baseKey, ownLeaf: 0, leafCount: 2, members: new Map() });
}

function send(mimeType: string | undefined, first: number, type?: FrameType): Promise<void> {
  const data = new Uint8Array(40).fill(first);
  return encryptor.handle(fakeFrame(mimeType, data, type), pass);
}

function pass(frame: EncodedFrame): void {
  sent.push(frame);
}
