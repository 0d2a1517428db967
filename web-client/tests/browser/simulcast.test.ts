import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
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
    for (const viewer of [green, blue]) await limit(viewer, await ownId(red), 2);
    // The browser sends the top layer once its own estimate allows it.
    await expect.poll(() => layersSent(red), { timeout: 40_000 }).toEqual(['f', 'h', 'q']);
    await limit(green, await ownId(red), 0);
    await limit(blue, await ownId(red), 1);

    await expect.poll(() => width(green, red), POLL).toBe(320);
    await expect.poll(() => width(blue, red), POLL).toBe(640);
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

  test('a layer that nobody shows large enough for is not sent, and is back at once', async () => {
    const id = await ownId(red);
    await show(blue, id, 180);
    const times: number[] = [];
    for (const { small, unwanted } of [
      { small: 180, unwanted: ['f', 'h'] },
      { small: 360, unwanted: ['f'] },
    ]) {
      await show(green, id, small);
      await expect.poll(() => restingLayers(red), POLL).toEqual(unwanted);
      await red.page.waitForTimeout(1_000);
      const before = await bytesSent(red);
      await red.page.waitForTimeout(1_000);
      const after = await bytesSent(red);
      for (const layer of unwanted) expect(after[layer]).toBe(before[layer]);
      expect(after['q']).toBeGreaterThan(before['q'] ?? 0);

      const start = Date.now();
      await show(green, id, 720);
      await expect.poll(() => width(green, red), RETURN).toBe(1280);
      times.push(Date.now() - start);
      const { freezes } = await figures(green, red);
      console.log(`from ${small} lines to 720 in ${times.at(-1)} ms, ${freezes} freezes so far`);
    }
    // Half a second, but for a busy machine.
    expect(Math.min(...times)).toBeLessThan(SLOWNESS * 1_000);
    expect((await figures(blue, red)).frameWidth).toBe(320);
    expect(await errors([red, green, blue])).toEqual([]);
  });
});

/** Has a page show somebody's camera so many lines high. */
function show(viewer: Participant, id: string, height: number): Promise<void> {
  return viewer.page.evaluate(
    ([publisher, lines]) => {
      const room = document.querySelector('quiet-room')?.room;
      const participant = room?.participants.find((one) => one.id === publisher);
      const track = participant?.videoTrack;
      if (track === undefined) throw new Error('nobody has this id');
      track.limitLayers({});
      track.show({ width: (lines * 16) / 9, height: lines });
    },
    [id, height] as const,
  );
}

/** The layers that a page's browser was told not to send. */
async function restingLayers(participant: Participant): Promise<string[]> {
  const layers = await sent(participant);
  return layers.flatMap(({ rid, active }) => (active ? [] : [rid])).sort();
}

async function bytesSent(participant: Participant): Promise<Record<string, number>> {
  const layers = await sent(participant);
  return Object.fromEntries(layers.map(({ rid, bytes }) => [rid, bytes]));
}

interface SentLayer {
  readonly rid: string;
  readonly active: boolean;
  readonly bytes: number;
}

function sent(participant: Participant): Promise<SentLayer[]> {
  return participant.page.evaluate(async () => {
    const layers: SentLayer[] = [];
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCOutboundRtpStreamStats & { active?: boolean };
        const { type, rid, active = true, bytesSent = 0 } = stats;
        if (type === 'outbound-rtp' && rid !== undefined) {
          layers.push({ rid, active, bytes: bytesSent });
        }
      }
    }
    return layers;
  });
}

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
  readonly freezes: number;
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
        const { freezeCount: freezes = 0 } = stats as { freezeCount?: number };
        return { frameWidth, framesDecoded, framesDropped, freezes };
      }
    }
    return { frameWidth: 0, framesDecoded: 0, framesDropped: 0, freezes: 0 };
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
  const goesOn = async (viewer: Participant): Promise<void> => {
    const seen = async (): Promise<number> => {
      const remotes = await viewer.remotes();
      return Math.max(...remotes.map(({ picture }) => picture?.frames ?? 0));
    };
    const before = await seen();
    await expect.poll(seen, POLL).toBeGreaterThan(before + 10);
    expect((await viewer.tiles()).map((tile) => tile.seen)).toContain('red');
  };
  await Promise.all(viewers.map(goesOn));
}

async function errors(participants: readonly Participant[]): Promise<string[]> {
  await participants[0]?.page.waitForTimeout(100);
  return participants.flatMap(({ console: lines }) =>
    lines.filter((line) => line.startsWith('error') || line.startsWith('thrown')),
  );
}

const POLL = { timeout: 15_000 };
/** Where a machine is too busy for the browser's probes, its estimate takes its time. */
const RETURN = { timeout: 30_000, interval: 10 };
