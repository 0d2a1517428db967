/** An RTP packet as a browser sent it, before SRTP. */
export interface SentPacket {
  readonly payloadType: number;
  /** Without header, extensions and padding. */
  readonly payload: Uint8Array;
}

/**
 * Reads what went out from a log of Chromium's plaintext dump
 * (`WebRTC-Debugging-RtpDump`), one packet a line as `text2pcap` takes it.
 */
export function sentPackets(log: string): SentPacket[] {
  return [...log.matchAll(OUTGOING)].flatMap(([, digits]) => {
    const bytes = Uint8Array.from(digits!.trim().split(' '), (pair) => parseInt(pair, 16));
    const packet = parse(bytes);
    return packet === undefined ? [] : [packet];
  });
}

const OUTGOING = /^O [\d:.]+ 0+ ((?:[0-9a-f]{2} )+)# RTP_DUMP$/gm;

/** RFC 3550 §5.1; `undefined` for RTCP (RFC 5761 §4) and for packets that carry nothing. */
function parse(bytes: Uint8Array): SentPacket | undefined {
  const [first = 0, second = 0] = bytes;
  if (second >= 192 && second <= 223) return undefined;
  let start = 12 + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    const words = (bytes[start + 2] ?? 0) * 256 + (bytes[start + 3] ?? 0);
    start += 4 + 4 * words;
  }
  const padding = (first & 0x20) === 0 ? 0 : (bytes.at(-1) ?? 0);
  const payload = bytes.subarray(start, bytes.length - padding);
  return payload.length === 0 ? undefined : { payloadType: second & 0x7f, payload };
}

/**
 * What a frame begins with in its first packet, behind what its codec keeps in
 * the clear; `undefined` for a frame's later packets.
 */
export function frameStart(codec: string, payload: Uint8Array): Uint8Array | undefined {
  switch (codec) {
    case 'audio/opus':
      return payload;
    case 'video/VP8':
      return vp8FrameStart(payload);
    case 'video/rtx':
      return payload.length > 2 ? vp8FrameStart(payload.subarray(2)) : undefined;
    default:
      throw new Error(`no frame of ${codec} was to be sent`);
  }
}

/** RFC 7741 §4.2. */
function vp8FrameStart(payload: Uint8Array): Uint8Array | undefined {
  const [first = 0, extended = 0, pictureId = 0] = payload;
  const startsFrame = (first & 0x10) !== 0 && (first & 0x07) === 0;
  if (!startsFrame) return undefined;
  let length = 1;
  if ((first & 0x80) !== 0) {
    length = 2;
    if ((extended & 0x80) !== 0) length += (pictureId & 0x80) === 0 ? 1 : 2;
    if ((extended & 0x40) !== 0) length += 1;
    if ((extended & 0x30) !== 0) length += 1;
  }
  const isKeyFrame = ((payload[length] ?? 0) & 0x01) === 0;
  return payload.subarray(length + (isKeyFrame ? 10 : 1));
}
