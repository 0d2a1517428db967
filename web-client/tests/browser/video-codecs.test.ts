import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type * as Quietroom from '../../src/index';
import { type Kept, keepConnections } from './connections';
import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';

describe('two people whose cameras are sent in another codec', () => {
  const gathering = Gathering.byTokens();
  let people: Participant[];

  beforeAll(async () => {
    people = await gathering.start([RED, GREEN], { width: 640, height: 360, frames: 8 });
    for (const participant of people) await participant.page.addInitScript(keepConnections);
  });

  afterAll(async () => {
    await gathering.close();
  });

  test.each(['vp9', 'av1'] as const)(
    'decode each other’s %s',
    async (codec) => {
      gathering.explainFailure();
      for (const participant of people) {
        await participant.page.goto(gathering.server.origin);
        const token = await gathering.server.token(codec);
        await participant.page.evaluate(LOAD);
        await participant.page.evaluate(join, [codec, token] as const);
      }

      for (const participant of people) {
        await expect
          .poll(() => participant.page.evaluate(received), { timeout: 20_000 })
          .toMatchObject({ mimeType: `video/${codec.toUpperCase()}`, isGoingOn: true });
      }
      const [red] = people;
      // Of a picture this small Chromium makes two layers.
      await red?.page.evaluate(limitAll, 0);
      await expect
        .poll(async () => (await red?.page.evaluate(received))?.width, { timeout: 10_000 })
        .toBe(320);
      await red?.page.evaluate(limitAll, 2);
      await expect
        .poll(async () => (await red?.page.evaluate(received))?.width, { timeout: 10_000 })
        .toBe(640);
      for (const participant of people) await participant.page.evaluate(leave);
    },
    90_000,
  );
});

/** As text: in a function the test runner would put an import of its own. */
const LOAD = `import('/quietroom.js').then((library) => { globalThis.quietroom = library; })`;

interface Joined {
  quietroom: typeof Quietroom;
  room: Quietroom.Room;
}

async function join([videoCodec, token]: readonly ['vp9' | 'av1', string]): Promise<void> {
  const page = globalThis as unknown as Joined;
  const room = new page.quietroom.Room({ videoCodec });
  page.room = room;
  room.on('trackSubscribed', (track) => {
    const element: HTMLMediaElement = document.createElement(track.kind);
    element.autoplay = true;
    track.attach(element);
    document.body.append(element);
  });
  await room.join(token);
}

function limitAll(spatial: number): void {
  const { room } = globalThis as unknown as Joined;
  for (const participant of room.participants) participant.videoTrack?.limitLayers({ spatial });
}

function leave(): void {
  (globalThis as unknown as Joined).room.leave();
}

/** What the browser says of the one picture that comes in. */
async function received(): Promise<{ mimeType: string; width: number; isGoingOn: boolean }> {
  const read = async () => {
    for (const connection of (globalThis as unknown as Kept).connections) {
      const reports = await connection.getStats();
      for (const report of reports.values()) {
        const stats = report as RTCInboundRtpStreamStats;
        if (stats.type !== 'inbound-rtp' || stats.kind !== 'video') continue;
        if ((stats.framesDecoded ?? 0) === 0) continue;
        const codec = reports.get(stats.codecId ?? '') as { mimeType?: string } | undefined;
        return { stats, mimeType: codec?.mimeType ?? '' };
      }
    }
    return undefined;
  };
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const after = await read();
  return {
    mimeType: after?.mimeType ?? '',
    width: after?.stats.frameWidth ?? 0,
    isGoingOn: (after?.stats.framesDecoded ?? 0) > (before?.stats.framesDecoded ?? 0) + 2,
  };
}
