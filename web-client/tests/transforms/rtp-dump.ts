import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What makes Chromium write every RTP packet to its standard error, before SRTP. */
export const DUMP_FLAGS: readonly string[] = [
  '--enable-logging=stderr',
  '--v=0',
  '--vmodule=*/webrtc/pc/*=2',
  '--force-fieldtrials=WebRTC-Debugging-RtpDump/Enabled/',
];

/** Makes a program in `folder` that runs Chromium with its standard error in the file `log`. */
export async function chromiumThatDumps(folder: string, log: string): Promise<string> {
  const chromium = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const script = join(folder, 'chromium');
  await writeFile(script, `#!/bin/sh\nexec '${chromium}' "$@" 2>'${log}'\n`);
  await chmod(script, 0o755);
  return script;
}

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
  return packets(log, OUTGOING);
}

/** As {@link sentPackets}, of Firefox's (`MOZ_LOG=RtpLogger:5,raw`). */
export function packetsSentByFirefox(log: string): SentPacket[] {
  return packets(log, OUTGOING_OF_FIREFOX);
}

function packets(log: string, outgoing: RegExp): SentPacket[] {
  return [...log.matchAll(outgoing)].flatMap(([, digits]) => {
    const bytes = Uint8Array.from(digits!.trim().split(' '), (pair) => parseInt(pair, 16));
    const packet = parse(bytes);
    return packet === undefined ? [] : [packet];
  });
}

const OUTGOING = /^O [\d:.]+ 0+ ((?:[0-9a-f]{2} )+)# RTP_DUMP$/gm;
const OUTGOING_OF_FIREFOX = /\bO [\d:.]+ +0+ ((?:[0-9a-f]{2} ?)+)/gm;

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
    case 'audio/red':
      return payload;
    case 'video/VP9':
      return vp9FrameStart(payload);
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

/** RFC 9628 §4.2; of a scalable stream every layer's frame is encrypted by itself. */
function vp9FrameStart(payload: Uint8Array): Uint8Array | undefined {
  const [first = 0] = payload;
  const has = (bit: number): boolean => (first & bit) !== 0;
  const [hasPictureId, hasPrediction, hasLayers, isFlexible, startsFrame, hasStructure] = [
    ...[0x80, 0x40, 0x20, 0x10, 0x08, 0x02].map(has),
  ];
  if (startsFrame !== true) return undefined;
  let at = 1;
  if (hasPictureId === true) at += ((payload[at] ?? 0) & 0x80) === 0 ? 1 : 2;
  if (hasLayers === true) at += isFlexible === true ? 1 : 2;
  if (hasPrediction === true && isFlexible === true) {
    while (((payload[at] ?? 0) & 0x01) !== 0) at += 1;
    at += 1;
  }
  if (hasStructure === true) at += structureLength(payload.subarray(at));
  return payload.subarray(at);
}

/** RFC 9628 §4.2.1, in bytes. */
function structureLength(structure: Uint8Array): number {
  const [first = 0] = structure;
  const layers = (first >> 5) + 1;
  let at = 1;
  if ((first & 0x10) !== 0) at += 4 * layers;
  if ((first & 0x08) === 0) return at;
  const pictures = structure[at] ?? 0;
  at += 1;
  for (let picture = 0; picture < pictures; picture++) {
    at += 1 + (((structure[at] ?? 0) >> 2) & 0x03);
  }
  return at;
}
