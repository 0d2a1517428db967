import { expect, test } from 'vitest';
import { safetyCode } from './safety-code';

test('a code has 30 digits, whatever the authenticator', () => {
  expect(safetyCode(new Uint8Array(32))).toBe('0'.repeat(30));
  expect(safetyCode(Uint8Array.of(1, 0))).toBe('256'.padStart(30, '0'));
  // 2^256 - 1 modulo 10^30, by a calculator of its own.
  expect(safetyCode(new Uint8Array(32).fill(255))).toBe('640564039457584007913129639935');
});

test('one bit makes another code', () => {
  const authenticator = new Uint8Array(32).fill(7);
  const code = safetyCode(authenticator);

  authenticator[31] = 6;

  expect(safetyCode(authenticator)).not.toBe(code);
});
