import type { ProofPurpose } from '../../messages';

/**
 * What a proof signs in `join`, or in `test-network`: that whoever sends this token has its key. Its
 * form is that of MLS's `SignContent` (RFC 9420 §5.1.2), since the key is the
 * one that signs in MLS: a label of its own, which none of MLS's is, keeps
 * either kind of signature from passing for the other.
 *
 * `nonce` is the server's, 32 bytes; `room` is what the token names.
 */
export async function joinProofContent(
  purpose: ProofPurpose,
  nonce: Uint8Array,
  room: string,
  token: string,
): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(token)));
  const content = [nonce, encoder.encode(room), hash].flatMap((part) => [...vector(part)]);
  return Uint8Array.from([...vector(encoder.encode(LABELS[purpose])), ...vector(content)]);
}

/** With its length before it (RFC 9420 §2.1.2), up to 16,383 bytes. */
function vector(bytes: ArrayLike<number>): number[] {
  const { length } = bytes;
  if (length >= 1 << 14) throw new RangeError('too long to be signed');
  const prefix = length < 1 << 6 ? [length] : [(length >> 8) | 0x40, length & 0xff];
  return [...prefix, ...Array.from(bytes)];
}

const LABELS: Record<ProofPurpose, string> = {
  join: 'Quietroom 1.0 Join',
  'network-test': 'Quietroom 1.0 Network Test',
};
