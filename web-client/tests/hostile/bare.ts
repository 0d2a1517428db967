import type { Stream } from './recording';

/**
 * A stream with what SFrame adds to each frame taken off (RFC 9605 §4.3): what
 * a cipher that does nothing would leave as it was.
 */
export function bare(stream: Stream): Stream {
  return {
    ...stream,
    frames: stream.frames.map((frame) => {
      const clear = stream.codec === 'vp8' ? clearLength(frame) : 0;
      const start = clear + headerLength(frame[clear] ?? 0);
      const end = Math.max(start, frame.length - TAG_LENGTH);
      return Buffer.concat([frame.subarray(0, clear), frame.subarray(start, end)]);
    }),
  };
}

/** What clients leave in the clear of a VP8 frame; its first bit tells a key frame (RFC 6386 §9.1). */
function clearLength(frame: Buffer): number {
  return ((frame[0] ?? 0) & 0x01) === 0 ? 10 : 1;
}

/** A configuration byte, then key id and counter where they do not fit into it. */
function headerLength(configuration: number): number {
  const keyId = (configuration & 0x80) === 0 ? 0 : ((configuration >> 4) & 0x07) + 1;
  const counter = (configuration & 0x08) === 0 ? 0 : (configuration & 0x07) + 1;
  return 1 + keyId + counter;
}

const TAG_LENGTH = 16;
