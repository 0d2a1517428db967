import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { decodeHeader } from '../../src/e2ee/worker/sframe/header';
import { CONTEXTS, keyIdParts } from '../../src/e2ee/worker/sframe/key-id';
import type * as Quietroom from '../../src/index';
import { chromiumThatDumps, DUMP_FLAGS, frameStart, sentPackets } from '../transforms/rtp-dump';
import { type Kept, keepConnections } from './connections';
import { GREEN, Participant, RED } from './participant';
import { Server } from './server';

// What Chromium itself says that it sent, in the clear as before SRTP, while
// the client as it is lives through a session, is held to be SFrame.

let folder: string;
let log: string;
let server: Server;
let red: Participant;
let green: Participant;
/** By payload type, of every connection that red had. */
const codecs = new Map<number, Codec>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quietroom-sent-'));
  log = join(folder, 'log');
  const program = await chromiumThatDumps(folder, log);
  server = await Server.startWithKeys();
  red = await Participant.start(RED, SIZE, { program, flags: DUMP_FLAGS });
  green = await Participant.start(GREEN, SIZE);
  await red.page.addInitScript(keepConnections);
  await red.page.addInitScript(shareACanvas);
});

afterAll(async () => {
  await Promise.allSettled([red.close(), green.close()]);
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test('nothing plain leaves at a join, a shared screen, a change of codecs and a rejoin', async () => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}\nred:\n${red.console.join('\n')}`);
  });
  await red.page.goto(server.origin);
  await red.page.evaluate(LOAD);
  await red.page.evaluate(enter, await server.token('room'));
  await sends('audio/red', 'video/VP9');
  await green.open(server.link(await server.token('room')));
  await green.meets(1);

  await red.page.evaluate(() => (globalThis as unknown as Joined).room.shareScreen());
  await sendsInContext('screen');

  const other = await green.newPage();
  await other.addInitScript(withoutRedAndVp9);
  await other.goto(server.link(await server.token('room')));
  await sends('audio/opus', 'video/VP8');

  await server.crash();
  await expect
    .poll(() => red.page.evaluate(() => (globalThis as unknown as Kept).connections.length), POLL)
    .toBe(2);
  const before = (await sent()).length;
  await expect.poll(() => red.page.evaluate(state), POLL).toBe('connected');
  await expect.poll(async () => (await sent()).length, POLL).toBeGreaterThan(before + 100);

  const frames = await sent();
  expect(frames.filter(({ context }) => context === undefined)).toEqual([]);
  const kinds = [...new Set(frames.map(({ codec, context }) => `${codec} ${context}`))].sort();
  expect(kinds).toEqual([
    `audio/opus ${CONTEXTS.microphone}`,
    `audio/red ${CONTEXTS.microphone}`,
    `video/VP8 ${CONTEXTS.camera}`,
    `video/VP8 ${CONTEXTS.screen}`,
    `video/VP9 ${CONTEXTS.camera}`,
  ]);
  console.log(`${frames.length} frames left red, all encrypted`);
});

/** A frame that left red's browser; one that is no SFrame of red's has no context. */
interface Sent {
  readonly codec: string;
  readonly context: number | undefined;
}

interface Codec {
  readonly mimeType: string;
  /** Of what it repeats: a payload type (RFC 4588 §8.1). */
  readonly repeated: number | undefined;
}

/** Waits until each codec has come out. */
async function sends(...wanted: readonly string[]): Promise<void> {
  const known = (await sent()).length;
  await expect
    .poll(async () => {
      const fresh = (await sent()).slice(known);
      return wanted.filter((codec) => fresh.some((frame) => frame.codec === codec));
    }, POLL)
    .toEqual(wanted);
}

async function sendsInContext(source: keyof typeof CONTEXTS): Promise<void> {
  await expect
    .poll(async () => (await sent()).map(({ context }) => context), POLL)
    .toContain(CONTEXTS[source]);
}

/** All frames so far, oldest first. */
async function sent(): Promise<Sent[]> {
  for (const [payloadType, codec] of await red.page.evaluate(payloadTypes)) {
    codecs.set(payloadType, codec);
  }
  const stay = await red.page.evaluate(place);
  leaves.add(stay.leaf);
  return sentPackets(await readFile(log, 'utf8')).flatMap(({ payloadType, payload }): Sent[] => {
    const said = codecs.get(payloadType);
    const repeated = said?.repeated;
    const codec = repeated === undefined ? said : codecs.get(repeated);
    // RFC 4588 §4: the packet's former number comes first.
    const bytes = repeated === undefined ? payload : payload.subarray(2);
    if (bytes.length === 0) return [];
    const mimeType = codec?.mimeType ?? `payload type ${payloadType}`;
    const start = frameStart(mimeType, bytes);
    if (start === undefined) return [];
    return [{ codec: mimeType, context: contextOf(start, mimeType, stay.epoch) }];
  });
}

/** What red says a frame is of, if it is encrypted as red's of this kind. */
function contextOf(start: Uint8Array, codec: string, newest: number): number | undefined {
  const header = decodeHeader(start);
  const parts = header && keyIdParts(header.keyId);
  if (parts === undefined || parts.epoch > newest || !leaves.has(parts.leaf)) return undefined;
  const isSound =
    parts.context === CONTEXTS.microphone || parts.context === CONTEXTS['screen-audio'];
  return isSound === codec.startsWith('audio/') ? parts.context : undefined;
}

/** Red's, in the group. */
const leaves = new Set<number>();

interface Joined {
  quietroom: typeof Quietroom;
  room: Quietroom.Room;
}

/** As text: in a function the test runner would put an import of its own. */
const LOAD = `import('/quietroom.js').then((library) => { globalThis.quietroom = library; })`;

async function enter(token: string): Promise<void> {
  const page = globalThis as unknown as Joined;
  page.room = new page.quietroom.Room({ videoCodec: 'vp9' });
  await page.room.join(token);
}

function state(): string {
  return (globalThis as unknown as Joined).room.state;
}

/** Runs in the page: its leaf, and its epoch, which is of two digits at the most. */
function place(): { leaf: number; epoch: number } {
  const { group, localParticipant } = (globalThis as unknown as Joined).room;
  const own = group?.members.find(({ participantId }) => participantId === localParticipant.id);
  return { leaf: own?.leaf ?? 0, epoch: Number(group?.epoch ?? 0n) };
}

/** Runs in the page. */
function payloadTypes(): [payloadType: number, codec: Codec][] {
  return (globalThis as unknown as Kept).connections.flatMap((connection) =>
    connection.getSenders().flatMap((sender) =>
      sender.getParameters().codecs.map(({ payloadType, mimeType, sdpFmtpLine }) => {
        const repeated = /apt=(\d+)/.exec(sdpFmtpLine ?? '')?.[1];
        const codec = { mimeType, repeated: repeated === undefined ? undefined : Number(repeated) };
        return [payloadType, codec] as [number, typeof codec];
      }),
    ),
  );
}

/** Runs in the page before its own scripts. */
function shareACanvas(): void {
  navigator.mediaDevices.getDisplayMedia = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 180;
    const context = canvas.getContext('2d');
    let turn = 0;
    setInterval(() => {
      context?.fillRect((turn += 7) % 320, 0, 9, 180);
    }, 100);
    return Promise.resolve(canvas.captureStream(10));
  };
}

/** Runs in the page before its own scripts: a browser that has neither. */
function withoutRedAndVp9(): void {
  for (const half of [RTCRtpSender, RTCRtpReceiver]) {
    const original = half.getCapabilities.bind(half);
    half.getCapabilities = (kind) => {
      const capabilities = original(kind);
      return (
        capabilities && {
          ...capabilities,
          codecs: capabilities.codecs.filter(({ mimeType }) => !/red|vp9/i.test(mimeType)),
        }
      );
    };
  }
}

const SIZE = { width: 320, height: 180, frames: 10 };
const POLL = { timeout: 20_000, interval: 500 };
