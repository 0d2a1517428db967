/** Where in an encoded frame of each codec the ciphertext stands. */

/** How a codec's frames are laid out under end-to-end encryption. */
export interface CodecFraming {
  /** What a plain frame keeps in the clear, or `undefined` if it is no such frame. */
  split(frame: Uint8Array<ArrayBuffer>): Parts | undefined;
  /** What an encrypted frame has in the clear and what it has encrypted. */
  unwrap(frame: Uint8Array<ArrayBuffer>): Parts | undefined;
  /** Whether frames are single packets of Opus. */
  readonly isOpus?: boolean;
  /** Makes an encrypted frame fit for the codec's packetizer. */
  wrap(encrypted: Uint8Array<ArrayBuffer>, isKeyFrame: boolean): Uint8Array<ArrayBuffer>;
}

/** A frame in two parts, which share its memory. */
export interface Parts {
  readonly prefix: Uint8Array<ArrayBuffer>;
  readonly rest: Uint8Array<ArrayBuffer>;
}

/**
 * The framing of a codec by its MIME type, in any case; `undefined` for codecs
 * that are not to be sent. H.264 is one: its packetizer looks into frames.
 */
export function codecFraming(mimeType: string): CodecFraming | undefined {
  return FRAMINGS.get(mimeType.toLowerCase());
}

const WHOLE: CodecFraming = {
  split: (frame) => splitAt(frame, 0),
  unwrap: (frame) => splitAt(frame, 0),
  wrap: (encrypted) => encrypted,
};

/** RFC 6386 §9.1: the packetizer and the jitter buffer read a frame's type and size. */
const VP8: CodecFraming = {
  split: splitVp8,
  unwrap: splitVp8,
  wrap: (encrypted) => encrypted,
};

/** One open bitstream unit holds the ciphertext, since packetizers read units. */
const AV1: CodecFraming = {
  split: (frame) => splitAt(frame, 0),
  unwrap: openUnit,
  wrap: (encrypted, isKeyFrame) => {
    const unit = new Uint8Array(encrypted.length + 1);
    unit[0] = (isKeyFrame ? SEQUENCE_HEADER : FRAME) << UNIT_TYPE_SHIFT;
    unit.set(encrypted, 1);
    return unit;
  },
};

const FRAMINGS: ReadonlyMap<string, CodecFraming> = new Map([
  ['audio/opus', { ...WHOLE, isOpus: true }],
  ['audio/red', WHOLE],
  ['video/vp8', VP8],
  ['video/vp9', WHOLE],
  ['video/av1', AV1],
]);

const VP8_INTER_FRAME = 0x01;
const VP8_KEY_FRAME_PREFIX = 10;
const VP8_INTER_FRAME_PREFIX = 1;

function splitVp8(frame: Uint8Array<ArrayBuffer>): Parts | undefined {
  const first = frame[0];
  if (first === undefined) return undefined;
  const isKeyFrame = (first & VP8_INTER_FRAME) === 0;
  return splitAt(frame, isKeyFrame ? VP8_KEY_FRAME_PREFIX : VP8_INTER_FRAME_PREFIX);
}

/** A frame that ends within its clear bytes would be sent in the clear whole. */
function splitAt(frame: Uint8Array<ArrayBuffer>, length: number): Parts | undefined {
  if (frame.length <= length) return undefined;
  return { prefix: frame.subarray(0, length), rest: frame.subarray(length) };
}

/** AV1's unit types (AV1 specification §6.2.2); a sequence header marks a key frame. */
const SEQUENCE_HEADER = 1;
const FRAME = 6;
const UNIT_TYPE_SHIFT = 3;
const UNIT_TYPE_MASK = 0x0f;
const UNIT_HAS_EXTENSION = 0x04;
const UNIT_HAS_SIZE = 0x02;
/** A size is at most this many bytes (AV1 specification §4.10.5). */
const MAX_SIZE_LENGTH = 8;

function openUnit(frame: Uint8Array<ArrayBuffer>): Parts | undefined {
  const header = frame[0];
  if (header === undefined) return undefined;
  const type = (header >> UNIT_TYPE_SHIFT) & UNIT_TYPE_MASK;
  if (type !== SEQUENCE_HEADER && type !== FRAME) return undefined;
  let start = (header & UNIT_HAS_EXTENSION) === 0 ? 1 : 2;
  let end = frame.length;
  if ((header & UNIT_HAS_SIZE) !== 0) {
    const size = readSize(frame, start);
    if (size === undefined) return undefined;
    start += size.length;
    end = start + size.value;
  }
  if (end !== frame.length || start >= end) return undefined;
  return { prefix: frame.subarray(0, 0), rest: frame.subarray(start) };
}

function readSize(bytes: Uint8Array, start: number): { value: number; length: number } | undefined {
  let value = 0;
  for (let length = 1; length <= MAX_SIZE_LENGTH; length++) {
    const byte = bytes[start + length - 1];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * (length - 1));
    if ((byte & 0x80) === 0) return { value, length };
  }
  return undefined;
}
