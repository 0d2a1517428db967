import {
  decryptFrame,
  deriveFrameKey,
  encryptFrame,
  importBaseKey,
  TAG_LENGTH,
  type FrameKey,
} from './cipher';
import { decodeHeader } from './header';
import { toHex } from './hex';
import {
  CONTEXTS,
  EPOCH_MODULUS,
  keyId,
  keyIdParts,
  MAX_LEAVES,
  type Context,
  type KeyIdParts,
} from './key-id';
import { REPLAY_WINDOW, ReplayWindow } from './replay-window';

/** What an epoch of the MLS group gives to SFrame (RFC 9605 §5.2). */
export interface EpochKeys {
  /** The group's epoch. */
  readonly epoch: bigint;
  /** `MLS-Exporter("SFrame 1.0 Base Key", "", 32)`; erased when it is installed. */
  readonly baseKey: Uint8Array<ArrayBuffer>;
  readonly ownLeaf: number;
  /** Leaves of the group's tree, blank ones too; at most `MAX_LEAVES`. */
  readonly leafCount: number;
  /** The participants' ids, by leaf. */
  readonly members: ReadonlyMap<number, string>;
}

/** What became of a frame that came in. */
export type Opened =
  | {
      readonly outcome: 'opened';
      readonly frame: Uint8Array<ArrayBuffer>;
      readonly epoch: bigint;
      readonly leaf: number;
      /** Who was at that leaf in that epoch. */
      readonly participantId: string | undefined;
      readonly context: Context;
    }
  /** It is of an epoch whose keys may yet come. */
  | { readonly outcome: 'coming' }
  | { readonly outcome: 'refused'; readonly reason: Refusal };

/** Why a frame was not decrypted. */
export type Refusal =
  /** No SFrame ciphertext of ours, which a frame in the clear is too. */
  | 'malformed'
  /** The epoch's keys are gone, or never came. */
  | 'no-key'
  /** The epoch has no such leaf. */
  | 'unknown-leaf'
  /** Our own frame came back. */
  | 'own-frame'
  /** It is of a kind that its receiver does not take. */
  | 'wrong-context'
  /** It was here before, or is too old to tell. */
  | 'replayed'
  /** It was changed, or encrypted with another key. */
  | 'forged';

/**
 * The SFrame keys of a worker, by epoch. The newest installed one encrypts
 * pictures at once, and sound `SOUND_GRACE` later, when the other members have
 * it too: a frame that waits for its keys is a gap in what is heard. Those
 * before it decrypt for `RETENTION` more.
 *
 * It alone gives out counters, one sequence for each base key and key id, for
 * as long as the worker lives: whatever transforms, layers or connections come
 * and go, none is used twice.
 */
export class KeyRing {
  /** Newest first. */
  #epochs: Epoch[] = [];
  /** By the base key's fingerprint; kept when the key is not. */
  readonly #counters = new Map<string, Counters>();
  /** Above all counters that were given out and are not kept. */
  #floor = 0;
  readonly #listeners = new Set<() => void>();
  #installing = Promise.resolve();
  #generation = 0;

  /**
   * Makes an epoch the one to send in. Epochs installed one after the other
   * take effect in that order. Installing one again changes nothing but which
   * is sent in. Rejects with a `RangeError` when a leaf is out of range.
   */
  install(keys: EpochKeys): Promise<void> {
    const generation = this.#generation;
    const installed = this.#installing.then(() => this.#install(keys, generation));
    this.#installing = installed.catch(() => undefined);
    return installed;
  }

  /** Erases all keys: nothing is sent or received until the next epoch. */
  forgetAll(): void {
    this.#generation += 1;
    for (const epoch of this.#epochs) epoch.end();
    this.#epochs = [];
  }

  /** Calls `listener` whenever an epoch was installed; gives how to end that. */
  onInstalled(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Encrypts a frame of ours behind `prefix`, which stays in the clear but is
   * authenticated. `undefined` without a key, or when its counters are used up.
   */
  async seal(
    context: Context,
    prefix: Uint8Array,
    plaintext: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const epoch = this.#sendingEpoch(context);
    if (epoch === undefined) return undefined;
    const id = keyId({ context, leaf: epoch.ownLeaf, epoch: epoch.shortNumber });
    const counter = epoch.counters.next(id);
    if (counter === undefined) return undefined;
    const key = await epoch.frameKey(id, 'encrypt');
    return encryptFrame(key, BigInt(counter), prefix, plaintext);
  }

  /**
   * Decrypts a frame of another's that came in at `slot`, behind `prefix`.
   * `accepts` says which contexts the slot takes.
   */
  async open(
    slot: string,
    accepts: (context: Context) => boolean,
    prefix: Uint8Array,
    ciphertext: Uint8Array<ArrayBuffer>,
  ): Promise<Opened> {
    const header = decodeHeader(ciphertext);
    const parts = header && keyIdParts(header.keyId);
    if (
      header === undefined ||
      parts === undefined ||
      header.counter >= MAX_COUNTER ||
      ciphertext.length < header.length + TAG_LENGTH
    ) {
      return refused('malformed');
    }
    if (!accepts(parts.context)) return refused('wrong-context');
    const epoch = this.#epochs.find(({ shortNumber }) => shortNumber === parts.epoch);
    if (epoch === undefined) {
      return this.#mayCome(parts.epoch) ? { outcome: 'coming' } : refused('no-key');
    }
    if (parts.leaf >= epoch.leafCount) return refused('unknown-leaf');
    if (parts.leaf === epoch.ownLeaf) return refused('own-frame');
    const id = keyId(parts);
    const counter = Number(header.counter);
    if (!epoch.isFresh(slot, id, counter)) return refused('replayed');
    const key = await epoch.frameKey(id, 'decrypt');
    const frame = await decryptFrame(key, header, prefix, ciphertext);
    if (frame === undefined) return refused('forged');
    // Another transform of the same slot may have taken it meanwhile.
    if (!epoch.accept(slot, id, counter)) return refused('replayed');
    const participantId = epoch.members.get(parts.leaf);
    return { outcome: 'opened', frame, epoch: epoch.number, participantId, ...whose(parts) };
  }

  async #install(keys: EpochKeys, generation: number): Promise<void> {
    const { epoch: number, ownLeaf, leafCount, members, baseKey: bytes } = keys;
    if (leafCount > MAX_LEAVES) throw new RangeError(`a group of ${leafCount} leaves is too large`);
    if (ownLeaf >= leafCount) throw new RangeError(`leaf ${ownLeaf} is not one of ${leafCount}`);
    const [fingerprint, baseKey] = await Promise.all([fingerprintOf(bytes), importBaseKey(bytes)]);
    bytes.fill(0);
    if (generation !== this.#generation) return;
    const known = this.#epochs.find((epoch) => epoch.fingerprint === fingerprint);
    const counters = this.#countersOf(fingerprint);
    const epoch =
      known ?? new Epoch({ number, ownLeaf, leafCount, members, baseKey, fingerprint, counters });
    if (known === undefined && this.#epochs[0]?.isFollowedBy(epoch) === true) epoch.settleLater();
    else epoch.settle();
    clearTimeout(epoch.expiry);
    epoch.expiry = undefined;
    const older = this.#epochs.filter(
      (other) => other !== epoch && other.shortNumber !== epoch.shortNumber,
    );
    for (const gone of older.splice(MAX_EPOCHS - 1)) gone.end();
    for (const other of older) {
      other.expiry ??= setTimeout(() => {
        this.#epochs = this.#epochs.filter((one) => one !== other);
      }, RETENTION);
    }
    this.#epochs = [epoch, ...older];
    for (const listener of this.#listeners) listener();
  }

  #countersOf(fingerprint: string): Counters {
    const counters = this.#counters.get(fingerprint) ?? new Counters(this.#floor);
    this.#counters.delete(fingerprint);
    this.#counters.set(fingerprint, counters);
    for (const [oldest, { highest }] of this.#counters) {
      if (this.#counters.size <= MAX_COUNTED_EPOCHS) break;
      this.#counters.delete(oldest);
      this.#floor = Math.max(this.#floor, highest);
    }
    return counters;
  }

  #sendingEpoch(context: Context): Epoch | undefined {
    const newest = this.#epochs[0];
    if (!SOUND.has(context)) return newest;
    return this.#epochs.find((epoch) => epoch.isSettled) ?? newest;
  }

  /** Whether an epoch that is not here is newer than all that are. */
  #mayCome(shortNumber: number): boolean {
    const newest = this.#epochs[0];
    if (newest === undefined) return true;
    const ahead = (shortNumber - newest.shortNumber + EPOCH_MODULUS) % EPOCH_MODULUS;
    return ahead < EPOCH_MODULUS / 2;
  }
}

/** How long an epoch's keys decrypt after the next one came, in ms. */
export const RETENTION = 5_000;

/**
 * How long sound goes on in the epoch before, in ms. As much longer can a
 * member who was removed read it, so it is no more than members need: in a
 * room of four on two cores the last has the keys half of it after the first.
 */
export const SOUND_GRACE = 300;

const SOUND: ReadonlySet<Context> = new Set([CONTEXTS.microphone, CONTEXTS['screen-audio']]);

/**
 * Epochs kept at once. At one commit every 100 ms, more than a retention's
 * worth; far less than would share key ids.
 */
const MAX_EPOCHS = 64;

/** Epochs whose counters are kept; those of a key that is forgotten can come back no lower. */
export const MAX_COUNTED_EPOCHS = 1024;

/** A counter is below this: few enough for AES-GCM under one key, years of frames. */
const MAX_COUNTER = 2 ** 32;

/** One epoch's keys and what was received under them. */
class Epoch {
  readonly number: bigint;
  readonly shortNumber: number;
  readonly ownLeaf: number;
  readonly leafCount: number;
  readonly members: ReadonlyMap<number, string>;
  readonly fingerprint: string;
  readonly counters: Counters;
  /** The timer that ends it, once another epoch has taken over. */
  expiry: ReturnType<typeof setTimeout> | undefined;
  #isSettled = false;
  #settling: ReturnType<typeof setTimeout> | undefined;
  readonly #baseKey: CryptoKey;
  readonly #frameKeys = new Map<number, Promise<FrameKey>>();
  readonly #windows = new Map<string, ReplayWindow>();
  /** By key id, the highest counter that came in at any slot. */
  readonly #highest = new Map<number, number>();

  constructor(parameters: {
    number: bigint;
    ownLeaf: number;
    leafCount: number;
    members: ReadonlyMap<number, string>;
    baseKey: CryptoKey;
    fingerprint: string;
    counters: Counters;
  }) {
    this.number = parameters.number;
    this.shortNumber = Number(parameters.number % BigInt(EPOCH_MODULUS));
    this.ownLeaf = parameters.ownLeaf;
    this.leafCount = parameters.leafCount;
    this.members = parameters.members;
    this.fingerprint = parameters.fingerprint;
    this.counters = parameters.counters;
    this.#baseKey = parameters.baseKey;
  }

  /** Whether sound is sent in it. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  settle(): void {
    clearTimeout(this.#settling);
    this.#isSettled = true;
  }

  settleLater(): void {
    this.#settling = setTimeout(() => {
      this.#isSettled = true;
    }, SOUND_GRACE);
  }

  /** Whether `next` is the same member's in the epoch after this one: else nobody may wait for this one's frames. */
  isFollowedBy(next: Epoch): boolean {
    return next.number === this.number + 1n && next.ownLeaf === this.ownLeaf;
  }

  /** Stops its timers. */
  end(): void {
    clearTimeout(this.expiry);
    clearTimeout(this.#settling);
  }

  frameKey(id: number, usage: 'encrypt' | 'decrypt'): Promise<FrameKey> {
    let key = this.#frameKeys.get(id);
    if (key === undefined) {
      key = deriveFrameKey(this.#baseKey, BigInt(id), usage);
      this.#frameKeys.set(id, key);
    }
    return key;
  }

  /**
   * Whether a frame may be taken at `slot`. What fell out of the window at one
   * slot is too old for all, so that no frame can be kept and shown in another.
   */
  isFresh(slot: string, id: number, counter: number): boolean {
    if (counter <= (this.#highest.get(id) ?? 0) - REPLAY_WINDOW) return false;
    return this.#windows.get(`${id} ${slot}`)?.isFresh(counter) ?? true;
  }

  accept(slot: string, id: number, counter: number): boolean {
    if (!this.isFresh(slot, id, counter)) return false;
    const place = `${id} ${slot}`;
    const window = this.#windows.get(place) ?? new ReplayWindow();
    this.#windows.set(place, window);
    this.#highest.set(id, Math.max(counter, this.#highest.get(id) ?? 0));
    return window.accept(counter);
  }
}

/** The next counter of each key id under one base key. */
class Counters {
  readonly #next = new Map<number, number>();
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  /** Above all that were taken. */
  get highest(): number {
    return Math.max(this.#first, ...this.#next.values());
  }

  /** Takes a counter, or `undefined` when all are used. */
  next(id: number): number | undefined {
    const counter = this.#next.get(id) ?? this.#first;
    if (counter >= MAX_COUNTER) return undefined;
    this.#next.set(id, counter + 1);
    return counter;
  }
}

function whose({ leaf, context }: KeyIdParts): { leaf: number; context: Context } {
  return { leaf, context };
}

function refused(reason: Refusal): Opened {
  return { outcome: 'refused', reason };
}

async function fingerprintOf(baseKey: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', baseKey)));
}
