import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { type Kept, keepConnections } from './connections';
import { BLUE, GREEN, Participant, RED } from './participant';
import { Server } from './server';

describe('a camera in layers, seen by two', () => {
  let server: Server;
  let red: Participant;
  let green: Participant;
  let blue: Participant;

  beforeAll(async () => {
    server = await Server.startWithKeys();
    const small = { width: 320, height: 180, frames: 15 };
    [red, green, blue] = await Promise.all([
      Participant.start(RED, { width: 1280, height: 720, frames: 8 }),
      Participant.start(GREEN, small),
      Participant.start(BLUE, small),
    ]);
    for (const participant of [red, green, blue]) {
      await participant.page.addInitScript(keepConnections);
      await participant.open(server.link(await server.token('layers')));
    }
    await Promise.all([red, green, blue].map((participant) => participant.meets(2)));
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}`);
      for (const { person, console: lines } of [red, green, blue]) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  });

  afterAll(async () => {
    await Promise.allSettled([red, green, blue].map((participant) => participant.close()));
    await server.stop();
  });

  test('each has the size it asked for, at the same time', async () => {
    await limit(green, await ownId(red), 0);
    await limit(blue, await ownId(red), 1);

    await expect.poll(() => width(green, red), POLL).toBe(320);
    await expect.poll(() => width(blue, red), POLL).toBe(640);
    // The browser sends the top layer once its own estimate allows it.
    await expect.poll(() => layersSent(red), POLL).toEqual(['f', 'h', 'q']);
    await showsGoingOn([green, blue]);
  });

  test('up and down again without a picture that cannot be decoded', async () => {
    const before = await Promise.all([green, blue].map((viewer) => figures(viewer, red)));
    for (const [layer, wanted] of [
      [2, 1280],
      [0, 320],
      [1, 640],
    ] as const) {
      const start = Date.now();
      await limit(green, await ownId(red), layer);
      await expect.poll(() => width(green, red), POLL).toBe(wanted);
      console.log(`to ${wanted} pixels' width in ${Date.now() - start} ms`);
    }
    await showsGoingOn([green, blue]);

    const after = await Promise.all([green, blue].map((viewer) => figures(viewer, red)));
    after.forEach((figure, at) => {
      expect(figure.framesDropped - (before[at]?.framesDropped ?? 0)).toBeLessThan(15);
    });
    expect(await errors([red, green, blue])).toEqual([]);
  });
});

/** Asks a page for no layer above this of somebody's camera. */
function limit(viewer: Participant, id: string, spatial: number): Promise<void> {
  return viewer.page.evaluate(
    ([publisher, highest]) => {
      const room = document.querySelector('quiet-room')?.room;
      const participant = room?.participants.find((one) => one.id === publisher);
      const track = participant?.videoTrack;
      if (track === undefined) throw new Error('nobody has this id');
      // As large as can be: only the layer shall count.
      track.show({ width: 1920, height: 1080 });
      track.limitLayers({ spatial: highest });
    },
    [id, spatial] as const,
  );
}

function ownId(participant: Participant): Promise<string> {
  return participant.page.evaluate(
    () => document.querySelector('quiet-room')?.room?.localParticipant.id ?? '',
  );
}

interface Figures {
  readonly frameWidth: number;
  readonly framesDecoded: number;
  readonly framesDropped: number;
}

/** What a page's browser says of the picture it gets of `publisher`. */
async function figures(viewer: Participant, publisher: Participant): Promise<Figures> {
  const id = await ownId(publisher);
  return viewer.page.evaluate(async (wanted) => {
    const room = document.querySelector('quiet-room')?.room;
    const track = room?.participants.find((one) => one.id === wanted)?.videoTrack;
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats(track?.mediaStreamTrack)).values()) {
        const stats = report as RTCInboundRtpStreamStats;
        if (stats.type !== 'inbound-rtp') continue;
        const { frameWidth = 0, framesDecoded = 0, framesDropped = 0 } = stats;
        return { frameWidth, framesDecoded, framesDropped };
      }
    }
    return { frameWidth: 0, framesDecoded: 0, framesDropped: 0 };
  }, id);
}

async function width(viewer: Participant, publisher: Participant): Promise<number> {
  return (await figures(viewer, publisher)).frameWidth;
}

/** The layers that a page's camera is being sent in. */
function layersSent(participant: Participant): Promise<string[]> {
  return participant.page.evaluate(async () => {
    const layers: string[] = [];
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCOutboundRtpStreamStats;
        if (stats.type !== 'outbound-rtp' || stats.rid === undefined) continue;
        if ((stats.framesEncoded ?? 0) > 0) layers.push(stats.rid);
      }
    }
    return layers.sort();
  });
}

async function showsGoingOn(viewers: readonly Participant[]): Promise<void> {
  for (const viewer of viewers) {
    const seen = async (): Promise<number> => {
      const remotes = await viewer.remotes();
      return Math.max(...remotes.map(({ picture }) => picture?.frames ?? 0));
    };
    const before = await seen();
    await expect.poll(seen, POLL).toBeGreaterThan(before + 10);
    expect((await viewer.tiles()).map((tile) => tile.seen)).toContain('red');
  }
}

async function errors(participants: readonly Participant[]): Promise<string[]> {
  await participants[0]?.page.waitForTimeout(100);
  return participants.flatMap(({ console: lines }) =>
    lines.filter((line) => line.startsWith('error') || line.startsWith('thrown')),
  );
}

const POLL = { timeout: 15_000 };
