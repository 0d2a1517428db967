import { readFile } from 'node:fs/promises';

import { searchForms } from './search';

/** Frames of one synchronization source, as a depacketizer gives them. */
export interface Stream {
  readonly participant: string;
  readonly way: Way;
  readonly codec: Codec;
  readonly frames: readonly Buffer[];
}

export type Codec = 'opus' | 'red' | 'vp8';
/** From a participant to the server, or to a participant. */
export type Way = 'in' | 'out';

/** What a server that records could read of a session. */
export class Recording {
  /** Packets without their SRTP protection, websocket messages, requests: one after the other. */
  readonly #lines: readonly Line[];
  /** All sound and pictures in the codecs that are sent by default; retransmissions are left out, being there already. */
  readonly streams: readonly Stream[];
  readonly #everything: readonly [place: string, bytes: Buffer][];

  private constructor(lines: readonly Line[], codecs: ReadonlyMap<string, string>) {
    this.#lines = lines;
    this.streams = depacketize(lines, codecs);
    this.#everything = join(lines, this.streams);
  }

  static async read(path: string): Promise<Recording> {
    const lines: Line[] = [];
    const codecs = new Map<string, string>();
    const whole = await readFile(path, 'utf8');
    // The server goes on writing, and its last line may be cut.
    for (const text of whole.slice(0, whole.lastIndexOf('\n')).split('\n')) {
      const line = JSON.parse(text) as RecordedLine;
      if (line.kind === 'negotiated') {
        for (const { payloadType, codec } of line.codecs) {
          codecs.set(`${line.participant} ${payloadType}`, codec);
        }
      } else {
        lines.push({ ...line, bytes: Buffer.from(line.bytes, 'base64') });
      }
    }
    return new Recording(lines, codecs);
  }

  /** How many records there are of each kind. */
  get counts(): Record<RecordKind, number> {
    const counts = { rtp: 0, rtcp: 0, text: 0, request: 0 };
    for (const { kind } of this.#lines) counts[kind] += 1;
    return counts;
  }

  /** Where `word` was found: in which kind of record, in which form. */
  find(word: string): string[] {
    const found = new Set<string>();
    for (const { form, bytes } of searchForms(word)) {
      for (const [place, haystack] of this.#everything) {
        if (haystack.includes(bytes)) found.add(`${place}: ${form}`);
      }
    }
    return [...found];
  }
}

/** All bytes by what they are of; packets' payloads follow one another as the frames that they were. */
function join(
  lines: readonly Line[],
  streams: readonly Stream[],
): [place: string, bytes: Buffer][] {
  const places = new Map<string, Buffer[]>();
  const add = (place: string, bytes: Buffer): void => {
    const before = places.get(place);
    if (before === undefined) places.set(place, [bytes]);
    else before.push(bytes);
  };
  for (const { kind, bytes } of lines) add(kind, bytes);
  for (const { codec, frames } of streams) for (const frame of frames) add(codec, frame);
  return [...places].map(([place, all]) => [place, Buffer.concat(all)]);
}

/** `codecs` by participant and payload type. */
function depacketize(lines: readonly Line[], codecs: ReadonlyMap<string, string>): Stream[] {
  const streams = new Map<string, { stream: Omit<Stream, 'frames'>; packets: Packet[] }>();
  for (const { kind, participant = '', way, bytes } of lines) {
    if (kind !== 'rtp') continue;
    const packet = parsePacket(bytes);
    const codec = codecs.get(`${participant} ${packet.payloadType}`);
    if (codec !== 'opus' && codec !== 'red' && codec !== 'vp8') continue;
    // Sound may change between plain and redundant.
    const key = `${participant} ${way} ${packet.ssrc} ${codec}`;
    const entry = streams.get(key) ?? { stream: { participant, way, codec }, packets: [] };
    entry.packets.push(packet);
    streams.set(key, entry);
  }
  return [...streams.values()].map(({ stream, packets }) => ({
    ...stream,
    frames: stream.codec === 'vp8' ? pictures(packets) : soundFrames(packets),
  }));
}

type RecordKind = 'rtp' | 'rtcp' | 'text' | 'request';

interface Line {
  readonly kind: RecordKind;
  readonly way: Way;
  readonly participant?: string;
  readonly bytes: Buffer;
}

type RecordedLine =
  | (Omit<Line, 'bytes'> & { readonly bytes: string })
  | {
      readonly kind: 'negotiated';
      readonly participant: string;
      readonly codecs: readonly { readonly payloadType: number; readonly codec: string }[];
    };

interface Packet {
  readonly payloadType: number;
  readonly number: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

/** RFC 3550 §5.1, with RFC 8285's extensions passed over. */
function parsePacket(bytes: Buffer): Packet {
  const first = bytes[0] ?? 0;
  let start = 12 + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) start += 4 + 4 * bytes.readUInt16BE(start + 2);
  const padding = (first & 0x20) === 0 ? 0 : (bytes.at(-1) ?? 0);
  return {
    payloadType: (bytes[1] ?? 0) & 0x7f,
    number: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(start, bytes.length - padding),
  };
}

function soundFrames(packets: readonly Packet[]): Buffer[] {
  return inOrder(packets).map(({ payload }) => payload);
}

function pictures(packets: readonly Packet[]): Buffer[] {
  const frames = new Map<number, Buffer[]>();
  for (const { timestamp, payload } of inOrder(packets)) {
    const parts = frames.get(timestamp) ?? [];
    parts.push(payload.subarray(descriptorLength(payload)));
    frames.set(timestamp, parts);
  }
  return [...frames.values()].map((parts) => Buffer.concat(parts));
}

/** Without what is padding only, and no packet twice. */
function inOrder(packets: readonly Packet[]): Packet[] {
  const places = new Map<number, Packet>();
  let highest = packets[0]?.number ?? 0;
  for (const packet of packets) {
    const ahead = ((packet.number - highest + 0x8000) & 0xffff) - 0x8000;
    const place = highest + ahead;
    if (ahead > 0) highest = place;
    if (packet.payload.length > 0) places.set(place, packet);
  }
  return [...places].sort(([left], [right]) => left - right).map(([, packet]) => packet);
}

/** RFC 7741 §4.2. */
function descriptorLength(payload: Buffer): number {
  if (((payload[0] ?? 0) & 0x80) === 0) return 1;
  const extended = payload[1] ?? 0;
  let length = 2;
  if ((extended & 0x80) !== 0) length += ((payload[length] ?? 0) & 0x80) === 0 ? 1 : 2;
  if ((extended & 0x40) !== 0) length += 1;
  if ((extended & 0x30) !== 0) length += 1;
  return length;
}
