/**
 * Evens out the sizes of one sender's Opus packets, which would tell something
 * of what is said even when encrypted (RFC 6562). Firefox heeds no `cbr=1` and
 * sends about 80 bytes, 20 more or less with the voice. What is of constant
 * size already stays as it is: Chromium's, of which one alone is larger at
 * times when its encoder is set up anew.
 */
export class OpusPadding {
  /** No packet is smaller. */
  #least = CONSTANT_SIZE;
  /** How many packets ago one was larger than is constant. */
  #sinceLarger = Infinity;

  /** The packet, or one that decodes to the same and is larger. */
  pad(packet: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { length } = packet;
    this.#sinceLarger += 1;
    if (length > CONSTANT_SIZE) {
      if (this.#sinceLarger <= SECOND) this.#least = VARYING_SIZE;
      this.#sinceLarger = 0;
    }
    const size = length <= this.#least ? this.#least : Math.ceil(length / STEP) * STEP;
    return length < size ? padded(packet, size) : packet;
  }
}

/**
 * With Opus's own padding, which decoders skip (RFC 6716 §3.2.5). Of packets
 * with several frames only those of two equal ones can be padded so; browsers
 * send one.
 */
function padded(packet: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const [header] = packet;
  if (header === undefined) return packet;
  const code = header & CODE_MASK;
  if (code > TWO_EQUAL_FRAMES) return packet;
  const larger = new Uint8Array(size);
  larger[0] = header | CODE_MASK;
  const count = code === TWO_EQUAL_FRAMES ? 2 : 1;
  const spare = size - packet.length - 1;
  larger[1] = spare === 0 ? count : count | HAS_PADDING;
  let at = 2;
  if (spare > 0) {
    // Each 255 stands for 254 bytes of padding and one more of these.
    const full = Math.floor((spare - 1) / 255);
    larger.fill(255, at, at + full);
    at += full;
    larger[at++] = spare - 1 - full * 255;
  }
  larger.set(packet.subarray(1), at);
  return larger;
}

/** 20 ms at 32 kbit/s, as Chromium sends. */
const CONSTANT_SIZE = 80;
/** Only the beginning of something loud is larger at times. */
const VARYING_SIZE = 128;
const STEP = 64;
/** In packets. */
const SECOND = 50;
/** Of the packet's first byte: how its frames are packed (§3.1). */
const CODE_MASK = 0x03;
const TWO_EQUAL_FRAMES = 1;
const HAS_PADDING = 0x40;
