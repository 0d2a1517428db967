/**
 * An answer after which a browser sends sound at constant bitrate, without
 * pauses and in packets of 20 ms, whatever the server asked for: other sizes
 * and times of packets give away something of what is said (RFC 6562). Only
 * the sections with one of these `a=mid` change.
 */
export function withConstantBitrate(answer: string, mids: readonly string[]): string {
  return answer
    .split(/^(?=m=)/m)
    .map((section) => {
      const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
      return mid !== undefined && mids.includes(mid) ? atConstantBitrate(section) : section;
    })
    .join('');
}

function atConstantBitrate(section: string): string {
  const lines = section.split('\n').filter((line) => !PACKET_TIME.test(line));
  const formats = new Map(
    lines.flatMap((line) => {
      const [, payloadType, text] = FORMAT.exec(line) ?? [];
      return payloadType === undefined ? [] : [[payloadType, text ?? '']];
    }),
  );
  const opus = new Set(lines.flatMap((line) => OPUS.exec(line)?.[1] ?? []));
  return lines
    .flatMap((line) => {
      const said = FORMAT.exec(line)?.[1];
      if (said !== undefined && opus.has(said)) return [];
      const payloadType = OPUS.exec(line)?.[1];
      if (payloadType === undefined) return line;
      const end = line.endsWith('\r') ? '\r' : '';
      return [line, `a=fmtp:${payloadType} ${parameters(formats.get(payloadType) ?? '')}${end}`];
    })
    .join('\n');
}

/** Those of RFC 7587 §6.1 that say nothing of sizes and times, and ours. */
function parameters(text: string): string {
  const others = text
    .split(';')
    .map((parameter) => parameter.trim())
    .filter((parameter) => KEPT.has(parameter.split('=')[0] ?? ''));
  return [...others, 'minptime=10', 'usedtx=0', 'cbr=1'].join(';');
}

const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2\s*$/i;
const FORMAT = /^a=fmtp:(\d+) ([^\r]*)/i;
const PACKET_TIME = /^a=(?:max|min)?ptime:/i;
const KEPT: ReadonlySet<string> = new Set(['useinbandfec', 'maxaveragebitrate', 'stereo']);
