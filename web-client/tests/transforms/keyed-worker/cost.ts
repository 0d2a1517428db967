import { Decryptor } from '../../../src/e2ee/worker/decryptor';
import { Encryptor } from '../../../src/e2ee/worker/encryptor';
import { FramePipe, type EncodedFrame } from '../../../src/e2ee/worker/frame-pipe';
import { CONTEXTS } from '../../../src/e2ee/worker/sframe/key-id';
import { KeyRing } from '../../../src/e2ee/worker/sframe/key-ring';
import type { CostReport, CostRequest } from '../cost-messages';

// Decrypts what comes in to one of a room of 25, through the same streams as a browser's frames.

declare const self: DedicatedWorkerGlobalScope;

interface Stream {
  readonly frames: { readonly due: number; readonly frame: EncodedFrame }[];
  readonly controller: ReadableStreamDefaultController<EncodedFrame>;
}

/** 13 of 24 speak or make a noise, 24 are seen: 650 and 360 frames a second. */
const SPEAKERS = 13;
const PICTURES = 24;
const SOUND = { mimeType: 'audio/opus', bytes: 80, interval: 20 };
const PICTURE = { mimeType: 'video/VP8', bytes: 1_800, interval: 1_000 / 15 };

const arrivals = new WeakMap<EncodedFrame, number>();
const delays: number[] = [];
let overhead = 0;

self.addEventListener('message', (event: MessageEvent<CostRequest>) => {
  void run(event.data);
});

async function run({ duration }: CostRequest): Promise<void> {
  const ring = await keyRing(0);
  const streams: Stream[] = [];
  for (let leaf = 1; leaf <= PICTURES; leaf++) {
    const sender = await keyRing(leaf);
    if (leaf <= SPEAKERS) streams.push(await prepare(ring, sender, leaf, 'audio', duration));
    streams.push(await prepare(ring, sender, leaf, 'video', duration));
  }
  const encryption = {
    sound: await encryptionCost(await keyRing(30), SOUND),
    picture: await encryptionCost(await keyRing(31), PICTURE),
  };
  report('prepared', encryption);
  await pause(1_000);
  await play(streams);
  report('done', encryption);
}

async function prepare(
  ring: KeyRing,
  sender: KeyRing,
  leaf: number,
  kind: 'audio' | 'video',
  duration: number,
): Promise<Stream> {
  const { mimeType, bytes, interval } = kind === 'audio' ? SOUND : PICTURE;
  const context = kind === 'audio' ? CONTEXTS.microphone : CONTEXTS.camera;
  const frames: Stream['frames'] = [];
  const encryptor = new Encryptor(sender, context, {}, fail);
  for (let at = 0; at * interval < duration * 1_000; at++) {
    const frame = makeFrame(mimeType, bytes);
    await encryptor.handle(frame, (encrypted) => {
      overhead = Math.max(overhead, encrypted.data.byteLength - bytes);
      frames.push({ due: (at + ((leaf * 7) % 24) / 24) * interval, frame: encrypted });
    });
  }
  let controller: ReadableStreamDefaultController<EncodedFrame> | undefined;
  const readable = new ReadableStream<EncodedFrame>({
    start: (started) => {
      controller = started;
    },
  });
  const writable = new WritableStream<EncodedFrame>({
    write: (frame) => {
      delays.push(performance.now() - (arrivals.get(frame) ?? 0));
    },
  });
  const events = { admits: () => true, onSender: () => undefined, onUndecryptable: fail };
  const decryptor = new Decryptor(ring, `${kind} ${leaf}`, kind, {}, events);
  const options = { id: leaf, direction: 'receive', kind, slot: leaf } as const;
  void new FramePipe(options, decryptor).run(readable, writable);
  if (controller === undefined) throw new Error('the stream did not start');
  return { frames, controller };
}

/** Gives each frame to its stream when it is due. */
async function play(streams: readonly Stream[]): Promise<void> {
  const start = performance.now();
  while (streams.some(({ frames }) => frames.length > 0)) {
    const elapsed = performance.now() - start;
    for (const { frames, controller } of streams) {
      while (frames[0] !== undefined && frames[0].due <= elapsed) {
        const { frame } = frames.shift()!;
        arrivals.set(frame, performance.now());
        controller.enqueue(frame);
      }
    }
    await pause(1);
  }
  await pause(100);
}

async function encryptionCost(ring: KeyRing, media: typeof SOUND): Promise<number> {
  const encryptor = new Encryptor(ring, CONTEXTS.camera, {}, fail);
  const count = 2_000;
  const start = performance.now();
  for (let sent = 0; sent < count; sent++) {
    await encryptor.handle(makeFrame(media.mimeType, media.bytes), () => undefined);
  }
  return (performance.now() - start) / count;
}

async function keyRing(ownLeaf: number): Promise<KeyRing> {
  const ring = new KeyRing();
  const baseKey = new Uint8Array(32).fill(7);
  await ring.install({ epoch: 1_000n, baseKey, ownLeaf, leafCount: 32, members: new Map() });
  return ring;
}

function makeFrame(mimeType: string, bytes: number): EncodedFrame {
  const data = new Uint8Array(bytes).fill(0x11).buffer;
  const frame = { data, type: 'delta', getMetadata: () => ({ mimeType }) };
  return frame as unknown as EncodedFrame;
}

function report(type: CostReport['type'], encryption: CostReport['encryption']): void {
  const sorted = delays.slice().sort((a, b) => a - b);
  const message: CostReport = { type, frames: delays.length, delays: sorted, overhead, encryption };
  self.postMessage(message);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function fail(reason: string): never {
  throw new Error(reason);
}
