import { expect, test } from 'vitest';
import { decryptFrame, deriveFrameKey, encryptFrame, importBaseKey } from './cipher';
import { decodeHeader } from './header';
import { fromHex, toHex } from './hex';

/**
 * Cipher suite 5 of `test-vectors.json` of the IETF's SFrame working group
 * (repository sframe-wg/sframe). Its metadata is what we send as a prefix.
 */
const VECTOR = {
  keyId: 0x123n,
  counter: 0x4567n,
  baseKey: fromHex('000102030405060708090a0b0c0d0e0f'),
  salt: '84991c167b8cd23c93708ec7',
  metadata: fromHex('4945544620534672616d65205747'),
  plaintext: fromHex('64726166742d696574662d736672616d652d656e63'),
  ciphertext: fromHex(
    '990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279',
  ),
};

const baseKey = importBaseKey(VECTOR.baseKey);

test('a frame is encrypted as in the vectors', async () => {
  const key = await deriveFrameKey(await baseKey, VECTOR.keyId, 'encrypt');

  const encrypted = await encryptFrame(key, VECTOR.counter, VECTOR.metadata, VECTOR.plaintext);

  expect(toHex(key.salt)).toBe(VECTOR.salt);
  expect(toHex(encrypted)).toBe(toHex(VECTOR.metadata) + toHex(VECTOR.ciphertext));
});

test('a frame is decrypted as in the vectors', async () => {
  const decrypted = await decrypt(VECTOR.metadata, VECTOR.ciphertext);

  expect(decrypted).toEqual(VECTOR.plaintext);
});

test('a change of any byte is noticed', async () => {
  for (const at of VECTOR.ciphertext.keys()) {
    const changed = VECTOR.ciphertext.slice();
    changed[at]! ^= 0x01;
    expect(await decrypt(VECTOR.metadata, changed), `byte ${at}`).toBeUndefined();
  }
  for (const at of VECTOR.metadata.keys()) {
    const changed = VECTOR.metadata.slice();
    changed[at]! ^= 0x01;
    expect(await decrypt(changed, VECTOR.ciphertext), `metadata byte ${at}`).toBeUndefined();
  }
});

test('no key can be read back', async () => {
  const { key } = await deriveFrameKey(await baseKey, 1n, 'encrypt');

  await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow();
  await expect(crypto.subtle.exportKey('raw', await baseKey)).rejects.toThrow();
});

async function decrypt(
  prefix: Uint8Array,
  ciphertext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array | undefined> {
  const key = await deriveFrameKey(await baseKey, VECTOR.keyId, 'decrypt');
  const header = decodeHeader(ciphertext);
  return header && decryptFrame(key, header, prefix, ciphertext);
}
