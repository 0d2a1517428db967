import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { overflowing, picture, SIZES, violations } from './appearance';
import { type Kept, keepConnections } from './connections';
import { GREEN, Participant, RED } from './participant';
import type { RoomStatistics } from '../../src/index';
import { SLOWNESS } from '../slow-machine';
import { Server } from './server';

let server: Server;
let red: Participant;
let green: Participant;

beforeAll(async () => {
  server = await Server.startWithKeys();
  [red, green] = await Promise.all([
    Participant.start(RED, { width: 1280, height: 720, frames: 8 }),
    Participant.start(GREEN, { width: 320, height: 180, frames: 15 }),
  ]);
  for (const participant of [red, green]) {
    await participant.page.addInitScript(keepConnections);
    await participant.open(server.link(await server.token('views')));
  }
  await green.page.setViewportSize(LARGE);
  await Promise.all([red.meets(1), green.meets(1)]);
});

afterAll(async () => {
  await Promise.allSettled([red, green].map((participant) => participant.close()));
  await server.stop();
});

test('a picture costs what it is shown at, nothing when nobody sees it, and is soon back', async () => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}\n${green.console.join('\n')}`);
  });
  // How far above that depends on how quick this machine is.
  await expect.poll(() => width(green), POLL).toBeGreaterThanOrEqual(640);

  const small = await until(
    () => green.page.setViewportSize({ width: 480, height: 400 }),
    (now) => now.width === 320,
  );
  const large = await until(
    () => green.page.setViewportSize(LARGE),
    (now) => now.width >= 640,
  );
  console.log(`layer down after ${String(small)} ms, up after ${String(large)} ms`);
  expect(large).toBeLessThan(SLOWNESS * SLACK * 1_000);

  await style(green, 'position: fixed; top: 3000px; width: 100%');
  await green.page.waitForTimeout(1_500);
  const before = await figures(green);
  await green.page.waitForTimeout(2_000);
  const after = await figures(green);
  const spent = after.pictureBytes - before.pictureBytes;
  console.log(`scrolled away: ${String(spent)} bytes of pictures in 2 s`);
  // Probes of the path are no pictures.
  expect(spent).toBe(0);
  expect(after.soundBytes - before.soundBytes).toBeGreaterThan(2_000);

  // What nobody sees is not even sent to the server.
  const sentBefore = await picturesSent(red);
  await red.page.waitForTimeout(1_500);
  expect((await picturesSent(red)) - sentBefore).toBe(0);

  const back = await until(
    () => style(green, ''),
    (now) => now.frames > after.frames,
  );
  console.log(`back from its source after ${String(back)} ms`);
  expect(back).toBeLessThan(SLOWNESS * SLACK * 500);
});

test('what is told of connections and voices can be read by all', async () => {
  await green.page.evaluate(() => {
    const element = document.querySelector('quiet-room');
    const [other] = element?.room?.participants ?? [];
    other?.handlePaused('camera', 'slow-connection');
    other?.handleQuality({ level: 'poor', cause: 'slow-downlink' });
    element?.room?.localParticipant.handleQuality({ level: 'weak', cause: 'delay' });
    other?.handleSpeaking(true);
    element?.requestUpdate();
  });
  for (const [name, size] of Object.entries(SIZES)) {
    await green.page.setViewportSize(size);
    await picture(green.page, `connection-${name}`);
    expect(await violations(green.page)).toEqual([]);
    expect(await overflowing(green.page)).toEqual([]);
  }
});

test('statistics tell of both ways, in the units that they promise', async () => {
  const read = (): Promise<RoomStatistics | undefined> =>
    green.page.evaluate(() => document.querySelector('quiet-room')?.room?.statistics());
  await read();
  await green.page.waitForTimeout(1_000);
  const { connection, sent, received } = (await read()) ?? {};

  expect(connection?.protocol).toBe('udp');
  expect(connection?.roundTripTime).toBeLessThan(SLOWNESS * 500);
  const voice = received?.find(({ source }) => source === 'microphone');
  expect(voice?.codec).toMatch(/^audio\/(opus|red)$/i);
  expect(voice?.bitrate).toBeGreaterThan(10_000);
  expect(voice?.bitrate).toBeLessThan(200_000);
  expect(voice?.jitterBufferDelay).toBeLessThan(SLOWNESS * 1_000);
  expect(voice?.concealedRatio).toBeLessThan(0.5);
  const camera = received?.find(({ source }) => source === 'camera');
  expect(camera?.codec).toBe('video/VP8');
  expect(camera?.framesDecoded).toBeGreaterThan(10);
  expect(sent?.map(({ source }) => source)).toEqual(
    expect.arrayContaining(['microphone', 'camera']),
  );
});

/** The milliseconds from a change until what comes is as wanted. */
async function until(
  change: () => Promise<void>,
  isReached: (now: Figures) => boolean,
): Promise<number> {
  const start = Date.now();
  await change();
  const reached = async (): Promise<boolean> => isReached(await figures(green));
  await expect.poll(reached, { ...POLL, interval: 20 }).toBe(true);
  return Date.now() - start;
}

function style(viewer: Participant, css: string): Promise<void> {
  return viewer.page.evaluate((text) => {
    const room = document.querySelector('quiet-room');
    if (room !== null) room.style.cssText = text;
  }, css);
}

interface Figures {
  readonly width: number;
  readonly frames: number;
  /** Retransmissions, and so probes, not counted. */
  readonly pictureBytes: number;
  readonly soundBytes: number;
}

/** What a page's browser has received of the other person. */
function figures(viewer: Participant): Promise<Figures> {
  return viewer.page.evaluate(async () => {
    const sum = { width: 0, frames: 0, pictureBytes: 0, soundBytes: 0 };
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCInboundRtpStreamStats & { retransmittedBytesReceived?: number };
        if (stats.type !== 'inbound-rtp') continue;
        const bytes = (stats.bytesReceived ?? 0) - (stats.retransmittedBytesReceived ?? 0);
        if (stats.kind === 'audio') {
          sum.soundBytes += bytes;
          continue;
        }
        sum.pictureBytes += bytes;
        sum.width = Math.max(sum.width, stats.frameWidth ?? 0);
        sum.frames += stats.framesDecoded ?? 0;
      }
    }
    return sum;
  });
}

/** Frames that a page's browser has sent, of all layers. */
function picturesSent(publisher: Participant): Promise<number> {
  return publisher.page.evaluate(async () => {
    let frames = 0;
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCOutboundRtpStreamStats;
        if (stats.type === 'outbound-rtp') frames += stats.framesSent ?? 0;
      }
    }
    return frames;
  });
}

async function width(viewer: Participant): Promise<number> {
  return (await figures(viewer)).width;
}

const LARGE = { width: 1920, height: 1200 };
const POLL = { timeout: 15_000 };

/** What is printed is to be within the bar; the machine may be doing other things. */
const SLACK = 2;
