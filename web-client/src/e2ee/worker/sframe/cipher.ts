/** SFrame's encryption with AES_256_GCM_SHA512_128 (RFC 9605 §4.4). */

import { encodeHeader, type Header } from './header';

/** What one key id's frames are encrypted with; nothing of the key can be read back. */
export interface FrameKey {
  readonly keyId: bigint;
  readonly key: CryptoKey;
  readonly salt: Uint8Array<ArrayBuffer>;
}

/** Bytes that the cipher adds to a plaintext, beside the header. */
export const TAG_LENGTH = 16;

/** Takes a base key of an epoch; the bytes may be erased afterwards. */
export function importBaseKey(baseKey: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', baseKey, 'HKDF', false, ['deriveKey', 'deriveBits']);
}

/** Derives the key and salt of a key id (RFC 9605 §4.4.2). */
export async function deriveFrameKey(
  baseKey: CryptoKey,
  keyId: bigint,
  usage: 'encrypt' | 'decrypt',
): Promise<FrameKey> {
  const [key, salt] = await Promise.all([
    crypto.subtle.deriveKey(
      hkdf(label('SFrame 1.0 Secret key ', keyId)),
      baseKey,
      { name: 'AES-GCM', length: 256 },
      false,
      [usage],
    ),
    crypto.subtle.deriveBits(
      hkdf(label('SFrame 1.0 Secret salt ', keyId)),
      baseKey,
      NONCE_LENGTH * 8,
    ),
  ]);
  return { keyId, key, salt: new Uint8Array(salt) };
}

/**
 * Encrypts a frame into header, ciphertext and tag (RFC 9605 §4.4.3), with
 * `prefix` in the clear before them, authenticated as metadata.
 *
 * A counter must never come twice with the same key.
 */
export async function encryptFrame(
  { keyId, key, salt }: FrameKey,
  counter: bigint,
  prefix: Uint8Array,
  plaintext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = encodeHeader(keyId, counter);
  const ciphertext = await crypto.subtle.encrypt(
    gcm(salt, counter, concat(header, prefix)),
    key,
    plaintext,
  );
  return concat(prefix, header, new Uint8Array(ciphertext));
}

/**
 * Decrypts what follows `prefix`: a ciphertext whose header was read already
 * (RFC 9605 §4.4.4). `undefined` if it, the prefix or the header was changed.
 */
export async function decryptFrame(
  { key, salt }: FrameKey,
  header: Header,
  prefix: Uint8Array,
  ciphertext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const plaintext = await crypto.subtle.decrypt(
      gcm(salt, header.counter, concat(ciphertext.subarray(0, header.length), prefix)),
      key,
      ciphertext.subarray(header.length),
    );
    return new Uint8Array(plaintext);
  } catch {
    return undefined;
  }
}

/** Joins byte strings. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const NONCE_LENGTH = 12;
/** AES_256_GCM_SHA512_128 (RFC 9605 §8.1). */
const CIPHER_SUITE = 5;

function label(text: string, keyId: bigint): Uint8Array<ArrayBuffer> {
  const bytes = concat(new TextEncoder().encode(text), new Uint8Array(10));
  const view = new DataView(bytes.buffer, text.length);
  view.setBigUint64(0, keyId);
  view.setUint16(8, CIPHER_SUITE);
  return bytes;
}

function hkdf(info: Uint8Array<ArrayBuffer>): HkdfParams {
  return { name: 'HKDF', hash: 'SHA-512', salt: new Uint8Array(0), info };
}

function gcm(
  salt: Uint8Array,
  counter: bigint,
  additionalData: Uint8Array<ArrayBuffer>,
): AesGcmParams {
  const iv = new Uint8Array(salt);
  const view = new DataView(iv.buffer);
  const low = NONCE_LENGTH - 8;
  view.setBigUint64(low, view.getBigUint64(low) ^ counter);
  return { name: 'AES-GCM', iv, additionalData, tagLength: TAG_LENGTH * 8 };
}
