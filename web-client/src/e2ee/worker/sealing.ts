import { RefusedError, type Mls, type SealingKey } from './mls/mls';

/**
 * Seals `content` for several: with AES-256-GCM under a key of its own, which
 * is sealed to each of `keys` (RFC 9180). Whom it is for is not in it; how
 * many they are is. `info` says what it is, in which room and of whom:
 * {@link openSealed} takes it with the same only. Keys that are none are left
 * out, and so are those beyond {@link MAX_RECIPIENTS}.
 */
export async function sealToEach(
  mls: Mls,
  keys: readonly Uint8Array[],
  info: Uint8Array,
  content: Uint8Array,
): Promise<Uint8Array> {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_LENGTH));
  const shares: Uint8Array[] = [];
  for (const key of keys.slice(0, MAX_RECIPIENTS)) {
    try {
      shares.push(await mls.seal(key, info, secret));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }
  const head = Uint8Array.of(VERSION, shares.length, ...shares.flatMap((share) => [...share]));
  const cipher = await cipherOf(secret, ['encrypt']);
  const sealed = await crypto.subtle.encrypt(parameters(head), cipher, Uint8Array.from(content));
  secret.fill(0);
  return Uint8Array.from([...head, ...new Uint8Array(sealed)]);
}

/** Rejects with a {@link RefusedError} what was not sealed to `key`, or is damaged. */
export async function openSealed(
  key: SealingKey,
  sealed: Uint8Array,
  info: Uint8Array,
): Promise<Uint8Array> {
  const [version, count = 0] = sealed;
  const shareLength = key.publicKey.length + SECRET_LENGTH + TAG_LENGTH;
  const headLength = 2 + count * shareLength;
  if (version !== VERSION || count > MAX_RECIPIENTS || sealed.length < headLength) {
    throw new RefusedError('not sealed in this way');
  }
  const head = sealed.slice(0, headLength);
  for (let start = 2; start < headLength; start += shareLength) {
    try {
      const secret = await key.open(head.slice(start, start + shareLength), info);
      const cipher = await cipherOf(secret, ['decrypt']);
      const content = sealed.slice(headLength);
      return new Uint8Array(await crypto.subtle.decrypt(parameters(head), cipher, content));
    } catch {
      // This share may be another one's.
    }
  }
  throw new RefusedError('not sealed to this key');
}

/** For sealing: a label of ours and what is sealed where. */
export function sealingInfo(label: string, ...where: readonly string[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([`Quietroom 1.0 ${label}`, ...where]));
}

/** Texts, each after its length, made as long as hides theirs: a multiple of `PADDED_LENGTH`. */
export function encodeTexts(...texts: readonly string[]): Uint8Array {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const bytes = encoded.flatMap((text) => [text.length >> 8, text.length & 0xff, ...text]);
  const padding = -bytes.length & (PADDED_LENGTH - 1);
  return Uint8Array.from([...bytes, ...new Uint8Array(padding)]);
}

/** Throws a {@link RefusedError} if there are not so many. */
export function decodeTexts(bytes: Uint8Array, count: number): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const texts: string[] = [];
  let start = 0;
  while (texts.length < count) {
    const [high, low] = bytes.subarray(start, start + 2);
    if (high === undefined || low === undefined) throw new RefusedError('it ends too soon');
    const end = start + 2 + ((high << 8) | low);
    if (end > bytes.length) throw new RefusedError('it ends too soon');
    try {
      texts.push(decoder.decode(bytes.subarray(start + 2, end)));
    } catch {
      throw new RefusedError('not UTF-8');
    }
    start = end;
  }
  return texts;
}

function cipherOf(secret: Uint8Array, usages: KeyUsage[]): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', Uint8Array.from(secret), 'AES-GCM', false, usages);
}

/** The key is for one message, so that any nonce will do. */
function parameters(head: Uint8Array): AesGcmParams {
  return { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: Uint8Array.from(head) };
}

/** As many keys as a server gives out to those who wait. */
export const MAX_RECIPIENTS = 8;

const VERSION = 1;

const SECRET_LENGTH = 32;

const TAG_LENGTH = 16;

/** In bytes; a name with its key fits. */
const PADDED_LENGTH = 512;
