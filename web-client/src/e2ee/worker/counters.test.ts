import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Encryptor } from './encryptor';
import { fakeFrame } from './fake-frame';
import { seededRandom } from './seeded-random';
import { toHex } from './sframe/hex';
import { CONTEXTS } from './sframe/key-id';
import { KeyRing } from './sframe/key-ring';

/** Each key made, by what it was made of, and the nonces it encrypted with. */
interface Spied {
  readonly noncesByKey: Map<string, string[]>;
}

let spied: Spied;

beforeEach(() => {
  spied = spyOnCrypto();
});

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(Array.from({ length: 40 }, (_, at) => at + 1))(
  'whatever comes and goes, no key is used twice with one counter (seed %d)',
  async (seed) => {
    const random = seededRandom(seed);
    const pick = <Item>(items: readonly Item[]): Item =>
      items[Math.floor(random() * items.length)]!;
    const keyRing = new KeyRing();
    let epoch = 0;
    let senders: Sender[] = [];
    const sent: Promise<void>[] = [];
    const output: Output = { frames: new Set(), kinds: new Set() };
    const create = (source: Source): Sender => ({
      source,
      encryptor: new Encryptor(keyRing, CONTEXTS[source], {}, () => undefined),
    });
    const addSender = (): void => {
      senders.push(create(pick(SOURCES)));
    };
    const steps: (() => void | Promise<void>)[] = [
      addSender,
      () => {
        senders.splice(Math.floor(random() * senders.length), 1);
      },
      function reconnect() {
        senders = senders.map(({ source }) => create(source));
      },
      function reconnectBesideTheConnectionBefore() {
        const before = [...senders];
        senders.push(...before.map(({ source }) => create(source)));
        for (const sender of senders) sent.push(...sendLayers(sender, pick, output));
        senders.splice(0, before.length);
      },
      function sendFromAllLayersAtOnce() {
        for (const sender of senders) sent.push(...sendLayers(sender, pick, output));
      },
      () => settle(sent),
      () => keyRing.install(epochKeys(++epoch)),
      function rekeyWhileSending() {
        void keyRing.install(epochKeys(++epoch));
      },
      () => keyRing.install(epochKeys(Math.max(0, epoch - Math.floor(random() * 3)))),
      () => {
        keyRing.forgetAll();
      },
      function resume() {
        keyRing.forgetAll();
        void keyRing.install(epochKeys(epoch));
      },
    ];

    for (let step = 0; step < 300; step++) {
      if (senders.length < 3) addSender();
      if (senders.length > 12) senders.splice(0, 6);
      await pick(steps)();
    }
    await settle(sent);

    const nonces = [...spied.noncesByKey.values()];
    for (const [key, used] of spied.noncesByKey) {
      expect(new Set(used).size, `nonces of ${key}`).toBe(used.length);
    }
    expect(nonces.flat().length).toBeGreaterThan(50);
    expect(Math.max(...nonces.map(({ length }) => length))).toBeGreaterThan(5);
    // What a receiver would see repeated, were the layers to count alone.
    expect(output.frames.size).toBe(nonces.flat().length);
    expect(output.kinds.size).toBe(SOUND.length + 2 * PICTURES.length);
  },
);

type Source = keyof typeof CONTEXTS;

interface Sender {
  readonly source: Source;
  readonly encryptor: Encryptor;
}

/** What was sent: frames by their bytes, and the kinds among them. */
interface Output {
  readonly frames: Set<string>;
  readonly kinds: Set<string>;
}

async function settle(sent: Promise<void>[]): Promise<void> {
  await Promise.all(sent.splice(0));
}

/**
 * One frame of each layer: of a camera in VP8 three simulcast streams, each a
 * synchronization source of its own under the camera's one key; in other codecs
 * layers of one stream. All have the same content, which only the counter
 * makes different.
 */
function sendLayers(
  { source, encryptor }: Sender,
  pick: <Item>(items: readonly Item[]) => Item,
  output: Output,
): Promise<void>[] {
  const isSound = source === 'microphone' || source === 'screen-audio';
  const mimeType = pick(isSound ? SOUND : PICTURES);
  const type = isSound ? undefined : pick(['key', 'delta'] as const);
  const bytes = Uint8Array.of(type === 'key' ? 0x10 : 0x11, ...new Uint8Array(12));
  const layers = isSound ? 1 : 3;
  return Array.from({ length: layers }, (_, layer) =>
    encryptor.handle(fakeFrame(mimeType, bytes, type, layer), (frame) => {
      const { synchronizationSource } = frame.getMetadata();
      expect(synchronizationSource).toBe(layer);
      output.frames.add(toHex(new Uint8Array(frame.data)));
      output.kinds.add(`${mimeType} ${type ?? ''}`);
    }),
  );
}

const SOURCES = Object.keys(CONTEXTS) as Source[];
const SOUND = ['audio/opus', 'audio/red'] as const;
const PICTURES = ['video/vp8', 'video/vp9', 'video/av1'] as const;

function epochKeys(epoch: number): Parameters<KeyRing['install']>[0] {
  const baseKey = new Uint8Array(32).fill(epoch % 256);
  const members = new Map<number, string>();
  return {
    epoch: BigInt(epoch),
    baseKey,
    ownLeaf: Math.floor(epoch / 4) % 3,
    leafCount: 4,
    members,
  };
}

function spyOnCrypto(): Spied {
  const names = new WeakMap<CryptoKey, string>();
  const noncesByKey = new Map<string, string[]>();
  const { subtle } = crypto;
  const importKey = subtle.importKey.bind(subtle) as (...rest: unknown[]) => Promise<CryptoKey>;
  const deriveKey = subtle.deriveKey.bind(subtle);
  const encrypt = subtle.encrypt.bind(subtle);
  vi.spyOn(subtle, 'importKey').mockImplementation(async (...rest: unknown[]) => {
    const name = toHex(rest[1] as Uint8Array);
    const key = await importKey(...rest);
    names.set(key, name);
    return key;
  });
  vi.spyOn(subtle, 'deriveKey').mockImplementation(async (algorithm, base, ...rest) => {
    const info = toHex((algorithm as HkdfParams).info as Uint8Array);
    const key = await deriveKey(algorithm, base, ...rest);
    names.set(key, `${names.get(base)} ${info}`);
    return key;
  });
  vi.spyOn(subtle, 'encrypt').mockImplementation((algorithm, key, data) => {
    const name = names.get(key) ?? 'an unknown key';
    const nonces = noncesByKey.get(name) ?? [];
    noncesByKey.set(name, nonces);
    nonces.push(toHex((algorithm as AesGcmParams).iv as Uint8Array));
    return encrypt(algorithm, key, data);
  });
  return { noncesByKey };
}
