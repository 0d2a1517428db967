/** The header of an SFrame ciphertext (RFC 9605 §4.3). */

/** A header as read from the start of a ciphertext. */
export interface Header {
  /** The key id, 0 to 2^64 - 1. */
  readonly keyId: bigint;
  /** The counter, 0 to 2^64 - 1. */
  readonly counter: bigint;
  /** How many bytes the header takes, 1 to 17. */
  readonly length: number;
}

/** Writes a header in its shortest form; throws a `RangeError` beyond 64 bits. */
export function encodeHeader(keyId: bigint, counter: bigint): Uint8Array<ArrayBuffer> {
  const keyIdLength = fieldLength(keyId);
  const counterLength = fieldLength(counter);
  const header = new Uint8Array(1 + keyIdLength + counterLength);
  header[0] = (nibble(keyId, keyIdLength) << 4) | nibble(counter, counterLength);
  writeInteger(header, 1, keyIdLength, keyId);
  writeInteger(header, 1 + keyIdLength, counterLength, counter);
  return header;
}

/** Reads the header that `bytes` starts with; `undefined` if it is cut short. */
export function decodeHeader(bytes: Uint8Array): Header | undefined {
  const configuration = bytes[0];
  if (configuration === undefined) return undefined;
  const keyId = readField(bytes, 1, configuration >> 4);
  if (keyId === undefined) return undefined;
  const counter = readField(bytes, keyId.end, configuration & 0x0f);
  if (counter === undefined) return undefined;
  return { keyId: keyId.value, counter: counter.value, length: counter.end };
}

/** Values up to this one stand in the first byte itself. */
const MAX_INLINE = 7n;
/** Set where a field has bytes of its own; the low three bits then are their number less one. */
const EXTENDED = 0x08;

/** Bytes that a value takes beside its nibble, 0 to 8. */
function fieldLength(value: bigint): number {
  if (value < 0n || value >= 1n << 64n) throw new RangeError(`not a 64-bit integer: ${value}`);
  return value <= MAX_INLINE ? 0 : Math.ceil(value.toString(16).length / 2);
}

function nibble(value: bigint, length: number): number {
  return length === 0 ? Number(value) : EXTENDED | (length - 1);
}

function writeInteger(bytes: Uint8Array, start: number, length: number, value: bigint): void {
  let rest = value;
  for (let at = start + length - 1; at >= start; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function readField(
  bytes: Uint8Array,
  start: number,
  nibble: number,
): { value: bigint; end: number } | undefined {
  if ((nibble & EXTENDED) === 0) return { value: BigInt(nibble), end: start };
  const end = start + (nibble & 0x07) + 1;
  if (end > bytes.length) return undefined;
  let value = 0n;
  for (const byte of bytes.subarray(start, end)) value = (value << 8n) | BigInt(byte);
  return { value, end };
}
