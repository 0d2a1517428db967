import type { AudioCodec } from '../signaling/protocol/AudioCodec';

/** The codec to send sound in: with redundancy while all can decode that. */
export function chooseAudioCodec(decodedByAll: readonly AudioCodec[]): AudioCodec {
  return decodedByAll.includes('red') ? 'red' : 'opus';
}

/**
 * An answer after which a browser sends sound in this codec: the first on the
 * `m=` line is sent (RFC 3264 §6.1). Only the sections with one of these
 * `a=mid` change, and only if they have the codec.
 */
export function withSoundIn(codec: AudioCodec, answer: string, mids: readonly string[]): string {
  return answer
    .split(/^(?=m=)/m)
    .map((section) => {
      const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
      return mid !== undefined && mids.includes(mid)
        ? withFirst(ENCODINGS[codec], section)
        : section;
    })
    .join('');
}

function withFirst(encoding: RegExp, section: string): string {
  const payloadType = encoding.exec(section)?.[1];
  if (payloadType === undefined) return section;
  return section.replace(/^(m=audio \S+ \S+)((?: \d+)+)/, (_, start: string, formats: string) => {
    const others = formats
      .trim()
      .split(' ')
      .filter((format) => format !== payloadType);
    return [start, payloadType, ...others].join(' ');
  });
}

const ENCODINGS: Readonly<Record<AudioCodec, RegExp>> = {
  opus: /^a=rtpmap:(\d+) opus\/48000\/2\s*$/im,
  red: /^a=rtpmap:(\d+) red\/48000\/2\s*$/im,
};
