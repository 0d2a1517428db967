/**
 * 30 decimal digits from an epoch's authenticator (RFC 9420 §8.7). Equal for
 * all who are in one epoch of one group, and for nobody else but by a chance
 * of 1 in 10^30; the authenticator's 256 bits make the digits even.
 */
export function safetyCode(epochAuthenticator: Uint8Array): string {
  let number = 0n;
  for (const byte of epochAuthenticator) number = (number << 8n) | BigInt(byte);
  return String(number % 10n ** BigInt(DIGITS)).padStart(DIGITS, '0');
}

const DIGITS = 30;
