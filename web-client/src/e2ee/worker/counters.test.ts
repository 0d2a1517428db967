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
    let senders: Encryptor[] = [];
    const sent: Promise<void>[] = [];
    const addSender = (): void => {
      const context = pick(Object.values(CONTEXTS));
      senders.push(new Encryptor(keyRing, context, {}, () => undefined));
    };
    const steps: (() => void | Promise<void>)[] = [
      addSender,
      () => {
        senders.splice(Math.floor(random() * senders.length), 1);
      },
      function reconnect() {
        const count = senders.length;
        senders = [];
        for (let added = 0; added < count; added++) addSender();
      },
      function sendFromAllLayersAtOnce() {
        for (const sender of senders) {
          for (let layer = 0; layer < 3; layer++) sent.push(sendFrame(sender));
        }
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
      await pick(steps)();
    }
    await settle(sent);

    const nonces = [...spied.noncesByKey.values()];
    for (const [key, used] of spied.noncesByKey) {
      expect(new Set(used).size, `nonces of ${key}`).toBe(used.length);
    }
    expect(nonces.flat().length).toBeGreaterThan(50);
    expect(Math.max(...nonces.map(({ length }) => length))).toBeGreaterThan(5);
  },
);

async function settle(sent: Promise<void>[]): Promise<void> {
  await Promise.all(sent.splice(0));
}

function sendFrame(sender: Encryptor): Promise<void> {
  return sender.handle(fakeFrame('audio/opus', Uint8Array.of(1, 2, 3)), () => undefined);
}

function epochKeys(epoch: number): Parameters<KeyRing['install']>[0] {
  const baseKey = new Uint8Array(32).fill(epoch % 256);
  return { epoch: BigInt(epoch), baseKey, ownLeaf: epoch % 3, leafCount: 4 };
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
