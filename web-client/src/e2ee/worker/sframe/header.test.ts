import { expect, test } from 'vitest';
import { decodeHeader, encodeHeader } from './header';
import { fromHex, toHex } from './hex';

/** From `test-vectors.json` of the IETF's SFrame working group (repository sframe-wg/sframe). */
const VECTORS: readonly [keyId: bigint, counter: bigint, encoded: string][] = [
  [0n, 0n, '00'],
  [0n, 1n, '01'],
  [1n, 0n, '10'],
  [0n, 255n, '08ff'],
  [255n, 256n, '89ff0100'],
  [256n, 255n, '980100ff'],
  [65535n, 65536n, '9affff010000'],
  [16777216n, 4294967295n, 'bb01000000ffffffff'],
  [4294967296n, 1099511627775n, 'cc0100000000ffffffffff'],
  [1099511627776n, 281474976710655n, 'dd010000000000ffffffffffff'],
  [281474976710656n, 72057594037927935n, 'ee01000000000000ffffffffffffff'],
  [72057594037927936n, 0n, 'f00100000000000000'],
  [18446744073709551615n, 18446744073709551615n, 'ffffffffffffffffffffffffffffffffff'],
];

test.each(VECTORS)('key id %d and counter %d are written and read', (keyId, counter, encoded) => {
  const bytes = fromHex(encoded);

  expect(toHex(encodeHeader(keyId, counter))).toBe(encoded);
  expect(decodeHeader(bytes)).toEqual({ keyId, counter, length: bytes.length });
});

test('a header is read without what follows it', () => {
  expect(decodeHeader(fromHex('99012345670000'))).toEqual({
    keyId: 0x0123n,
    counter: 0x4567n,
    length: 5,
  });
});

test('a header cut short anywhere is refused', () => {
  const whole = encodeHeader(2n ** 64n - 1n, 2n ** 40n);

  for (let length = 0; length < whole.length; length++) {
    expect(decodeHeader(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
  }
});

test.each([-1n, 2n ** 64n])('%d is no counter', (counter) => {
  expect(() => encodeHeader(0n, counter)).toThrow(RangeError);
});
