import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { decodeHeader } from './header';
import { CONTEXTS, keyIdParts, MAX_LEAVES, type Context } from './key-id';
import {
  KeyRing,
  MAX_COUNTED_EPOCHS,
  RETENTION,
  SOUND_GRACE,
  type EpochKeys,
  type Opened,
} from './key-ring';
import { REPLAY_WINDOW } from './replay-window';

const ALICE = 0;
const BOB = 1;
const NOTHING = new Uint8Array();
const FRAME = Uint8Array.of(1, 2, 3);

let alice: KeyRing;
let bob: KeyRing;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  alice = new KeyRing();
  bob = new KeyRing();
});

afterEach(() => {
  vi.useRealTimers();
});

test('another member decrypts and learns whose frame of what it is', async () => {
  await enter(258n);

  const opened = await open(bob, await seal(alice, CONTEXTS.camera));

  expect(opened).toEqual({
    outcome: 'opened',
    frame: FRAME,
    epoch: 258n,
    leaf: ALICE,
    participantId: 'alice',
    context: CONTEXTS.camera,
  });
});

test('a key id carries context, leaf and epoch', async () => {
  await alice.install(epochKeys(0x1ffn, 0xab, { leafCount: MAX_LEAVES }));

  const { keyId } = decodeHeader(await seal(alice, CONTEXTS['screen-audio']))!;

  expect(keyId).toBe(0x3abffn);
  expect(keyIdParts(keyId)).toEqual({ context: 3, leaf: 0xab, epoch: 0xff });
  expect(keyIdParts(0x40000n)).toBeUndefined();
});

test('without a key nothing is encrypted', async () => {
  expect(await alice.seal(CONTEXTS.microphone, NOTHING, FRAME)).toBeUndefined();

  await enter(1n);
  alice.forgetAll();

  expect(await alice.seal(CONTEXTS.microphone, NOTHING, FRAME)).toBeUndefined();
});

test('an epoch that is forgotten while it is being installed stays forgotten', async () => {
  const installed = alice.install(epochKeys(1n, ALICE));
  alice.forgetAll();
  await installed;

  expect(await alice.seal(CONTEXTS.microphone, NOTHING, FRAME)).toBeUndefined();
});

test('a base key is erased where it came from', async () => {
  const keys = epochKeys(1n, ALICE);

  await alice.install(keys);

  expect(keys.baseKey).toEqual(new Uint8Array(32));
});

test('pictures are sent in the newest epoch at once, and sound when the others have it too', async () => {
  await enter(1n);
  await alice.install(epochKeys(2n, ALICE));

  expect(await sentIn(CONTEXTS.camera)).toBe(2);
  expect(await sentIn(CONTEXTS.screen)).toBe(2);
  await vi.advanceTimersByTimeAsync(SOUND_GRACE - 1);
  for (const sound of [CONTEXTS.microphone, CONTEXTS['screen-audio']]) {
    expect(await sentIn(sound)).toBe(1);
    expect(await open(bob, await seal(alice, sound))).toMatchObject({ outcome: 'opened' });
  }
  await vi.advanceTimersByTimeAsync(1);
  expect(await sentIn(CONTEXTS.microphone)).toBe(2);
});

test('while epochs follow fast, sound stays no longer than its time in any of them', async () => {
  await enter(1n);
  for (let epoch = 2n; epoch < 12n; epoch++) {
    await enter(epoch);
    await vi.advanceTimersByTimeAsync(SOUND_GRACE / 3);
    expect(await sentIn(CONTEXTS.microphone)).toBe(Math.max(1, Number(epoch) - 2));
  }
});

test.each([
  ['after another than the one before', epochKeys(4n, ALICE)],
  ['at another leaf', epochKeys(2n, 2)],
])('an epoch %s is sent in at once', async (_, next) => {
  await alice.install(epochKeys(1n, ALICE));

  await alice.install({ ...next, baseKey: next.baseKey.slice() });

  expect(await sentIn(CONTEXTS.microphone)).toBe(Number(next.epoch));
});

test('the newest epoch sends, and the one before decrypts for a while', async () => {
  await enter(1n);
  const [early, late] = [await seal(alice), await seal(alice)];
  await enter(2n);

  await vi.advanceTimersByTimeAsync(RETENTION - 1);
  expect(await sentIn(CONTEXTS.microphone)).toBe(2);
  expect(await open(bob, early)).toMatchObject({ outcome: 'opened', epoch: 1n });
  await vi.advanceTimersByTimeAsync(1);
  expect(await open(bob, late)).toEqual({ outcome: 'refused', reason: 'no-key' });
});

test('an epoch that is installed again does not expire', async () => {
  await enter(1n);
  await enter(2n);
  await enter(1n);

  await vi.advanceTimersByTimeAsync(2 * RETENTION);

  expect(await open(bob, await seal(alice))).toMatchObject({ outcome: 'opened', epoch: 1n });
});

test('a frame of an epoch to come may be tried again, one of the past may not', async () => {
  await alice.install(epochKeys(300n, ALICE));
  await bob.install(epochKeys(299n, BOB));
  const frame = await seal(alice);

  expect(await open(bob, frame)).toEqual({ outcome: 'coming' });
  await bob.install(epochKeys(301n, BOB));
  expect(await open(bob, frame)).toEqual({ outcome: 'refused', reason: 'no-key' });
});

test('counters of keys that were forgotten long ago are not given out again', async () => {
  await alice.install(epochKeys(0n, ALICE));
  for (let sent = 0; sent < 5; sent++) await seal(alice);
  for (let epoch = 1; epoch <= MAX_COUNTED_EPOCHS; epoch++) {
    await alice.install(epochKeys(BigInt(epoch), ALICE));
  }

  await alice.install(epochKeys(0n, ALICE));

  expect(decodeHeader(await seal(alice))!.counter).toBe(5n);
});

test('epochs that share key ids never live together', async () => {
  await enter(1n);
  const frame = await seal(alice);

  await bob.install(epochKeys(257n, BOB));

  expect(await open(bob, frame)).toEqual({ outcome: 'refused', reason: 'forged' });
});

test('another group’s key decrypts nothing', async () => {
  await alice.install(epochKeys(1n, ALICE));
  await bob.install(epochKeys(1n, BOB, { group: 9 }));

  expect(await open(bob, await seal(alice))).toEqual({ outcome: 'refused', reason: 'forged' });
});

test('a frame is taken once at each slot', async () => {
  await enter(1n);
  const frame = await seal(alice);

  expect(await open(bob, frame)).toMatchObject({ outcome: 'opened' });
  expect(await open(bob, frame)).toEqual({ outcome: 'refused', reason: 'replayed' });
  expect(await open(bob, frame, 'another')).toMatchObject({ outcome: 'opened' });
});

test('two transforms of one slot that get a frame at once take it once', async () => {
  await enter(1n);
  const frame = await seal(alice);

  const outcomes = await Promise.all([open(bob, frame), open(bob, frame)]);

  expect(outcomes.filter(({ outcome }) => outcome === 'opened')).toHaveLength(1);
});

test('a frame kept from one slot is too old for another later', async () => {
  await enter(1n);
  const kept = await seal(alice);
  for (let sent = 1; sent < REPLAY_WINDOW; sent++) await seal(alice);
  await open(bob, await seal(alice));

  expect(await open(bob, kept, 'another')).toEqual({ outcome: 'refused', reason: 'replayed' });
});

test('a forged counter moves no window', async () => {
  await enter(1n);
  const frame = await seal(alice);
  const forged = Uint8Array.of(0x1b, 0xff, 0xff, 0xff, 0xff, ...frame.subarray(1));

  expect(await open(bob, forged)).toEqual({ outcome: 'refused', reason: 'forged' });
  expect(await open(bob, frame)).toMatchObject({ outcome: 'opened' });
});

test('our own frame that comes back is refused', async () => {
  await enter(1n);

  expect(await open(alice, await seal(alice))).toEqual({
    outcome: 'refused',
    reason: 'own-frame',
  });
});

test('a frame of a leaf that the group does not have is refused', async () => {
  await alice.install(epochKeys(1n, 7, { leafCount: 8 }));
  await bob.install(epochKeys(1n, BOB, { leafCount: 4 }));

  expect(await open(bob, await seal(alice))).toEqual({
    outcome: 'refused',
    reason: 'unknown-leaf',
  });
});

test('a frame of a context that the slot does not take is refused', async () => {
  await enter(1n);

  const opened = await bob.open('slot', () => false, NOTHING, await seal(alice));

  expect(opened).toEqual({ outcome: 'refused', reason: 'wrong-context' });
});

test('what is no SFrame ciphertext of ours is refused', async () => {
  await enter(1n);

  for (const bytes of [
    [],
    [0x00],
    [0x88, 0x01],
    Array(16).fill(0),
    [0xf0, ...Array<number>(60).fill(0xff)],
    [0x0f, ...Array<number>(60).fill(0xff)],
  ]) {
    const opened = await open(bob, Uint8Array.from(bytes as number[]));
    expect(opened, JSON.stringify(bytes)).toEqual({ outcome: 'refused', reason: 'malformed' });
  }
});

test.each([
  [256, 257],
  [8, 8],
])('leaf %d of %d cannot be sent from', async (ownLeaf, leafCount) => {
  await expect(alice.install(epochKeys(1n, ownLeaf, { leafCount }))).rejects.toThrow(RangeError);
  await alice.install(epochKeys(2n, ALICE));
});

async function enter(epoch: bigint): Promise<void> {
  await Promise.all([alice.install(epochKeys(epoch, ALICE)), bob.install(epochKeys(epoch, BOB))]);
}

function epochKeys(
  epoch: bigint,
  ownLeaf: number,
  { leafCount = 4, group = 0 }: { leafCount?: number; group?: number } = {},
): EpochKeys {
  const baseKey = new Uint8Array(32).fill(group);
  new DataView(baseKey.buffer).setBigUint64(0, epoch);
  const members = new Map([
    [ALICE, 'alice'],
    [BOB, 'bob'],
  ]);
  return { epoch, baseKey, ownLeaf, leafCount, members };
}

async function seal(
  ring: KeyRing,
  context: Context = CONTEXTS.microphone,
): Promise<Uint8Array<ArrayBuffer>> {
  return (await ring.seal(context, NOTHING, FRAME))!;
}

/** The epoch that a frame of alice's is encrypted in. */
async function sentIn(context: Context): Promise<number | undefined> {
  const { keyId } = decodeHeader(await seal(alice, context))!;
  return keyIdParts(keyId)?.epoch;
}

function open(ring: KeyRing, frame: Uint8Array<ArrayBuffer>, slot = 'slot'): Promise<Opened> {
  return ring.open(slot, () => true, NOTHING, frame);
}
