import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  decryptFrame,
  deriveFrameKey,
  encryptFrame,
  importBaseKey,
} from '../../src/e2ee/worker/sframe/cipher';
import { decodeHeader, encodeHeader } from '../../src/e2ee/worker/sframe/header';
import { fromHex, toHex } from '../../src/e2ee/worker/sframe/hex';

interface HeaderVector {
  readonly kid: bigint;
  readonly ctr: bigint;
  readonly encoded: string;
}

interface FrameVector {
  readonly cipher_suite: bigint;
  readonly kid: bigint;
  readonly ctr: bigint;
  readonly base_key: string;
  readonly metadata: string;
  readonly pt: string;
  readonly ct: string;
}

const AES_256_GCM_SHA512_128 = 5n;

/** A folder with the IETF working groups' test vectors, for checking against all of them. */
const folder = process.env['QUIETROOM_VECTORS'];

describe.skipIf(folder === undefined)('all of the SFrame working group’s vectors', () => {
  const vectors = folder === undefined ? undefined : read(join(folder, 'sframe/test-vectors.json'));

  test('headers', () => {
    expect(vectors!.header.length).toBeGreaterThan(100);
    for (const { kid, ctr, encoded } of vectors!.header) {
      const bytes = fromHex(encoded);
      expect(toHex(encodeHeader(kid, ctr))).toBe(encoded);
      expect(decodeHeader(bytes)).toEqual({ keyId: kid, counter: ctr, length: bytes.length });
    }
  });

  test('frames of our cipher suite', async () => {
    const ours = vectors!.sframe.filter(
      ({ cipher_suite }) => cipher_suite === AES_256_GCM_SHA512_128,
    );
    expect(ours.length).toBeGreaterThan(0);
    for (const { kid, ctr, base_key, metadata, pt, ct } of ours) {
      const baseKey = await importBaseKey(fromHex(base_key));
      const prefix = fromHex(metadata);
      const encryption = await deriveFrameKey(baseKey, kid, 'encrypt');
      const decryption = await deriveFrameKey(baseKey, kid, 'decrypt');
      const encrypted = await encryptFrame(encryption, ctr, prefix, fromHex(pt));
      const header = decodeHeader(fromHex(ct))!;

      expect(toHex(encrypted)).toBe(metadata + ct);
      expect(await decryptFrame(decryption, header, prefix, fromHex(ct))).toEqual(fromHex(pt));
    }
  });
});

/** Reads JSON with every integer as a bigint, for they pass 2^53. */
function read(path: string): { header: HeaderVector[]; sframe: FrameVector[] } {
  const quoted = readFileSync(path, 'utf8').replace(/: (\d+)/g, ': "$1n"');
  return JSON.parse(quoted, (_, value: unknown) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as { header: HeaderVector[]; sframe: FrameVector[] };
}
