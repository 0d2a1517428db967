import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import type { Layers } from '../../src/room/track';
import type { Attendee } from '../browser/attendee';
import { type Kept, keepConnections } from '../browser/connections';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { Reception, recordReception } from '../network/reception';
import { SLOWNESS } from '../slow-machine';
import { speakBeforeACamera } from './devices';
import { FirefoxParticipant } from './firefox';

describe('cameras in layers, of Chromium and Firefox', () => {
  let server: Server | undefined;
  let chromium: Participant;
  let firefox: FirefoxParticipant;

  beforeAll(async () => {
    server = await Server.startWithKeys({ capacity: 3 });
    chromium = await Participant.start(RED);
    await chromium.prepare(keepConnections);
    firefox = await FirefoxParticipant.start({ leastBitrate: 5_000_000 });
    await speakBeforeACamera(firefox, 190, { width: 640, height: 360 });
    for (const participant of [chromium, firefox]) {
      await participant.prepare(recordReception);
      await participant.open(server.link(await server.token('layers')));
    }
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server?.output.join('') ?? ''}`);
      console.error(`Chromium:\n${chromium.console.join('\n')}`);
      console.error(`Firefox:\n${firefox.console.join('\n')}`);
    });
  });

  afterAll(async () => {
    await Promise.allSettled([chromium.close(), firefox.close()]);
    await server?.stop();
  });

  test('Firefox sends no layer that nobody shows large enough for, and soon again one that somebody does', async () => {
    const width = async (): Promise<number> =>
      (await Reception.at(chromium, Date.now() - 300)).width;
    await view(chromium, 360);
    await expect.poll(width, POLL).toBe(640);

    const times: number[] = [];
    for (const { lines, unwanted } of [
      { lines: 90, unwanted: ['f', 'h'] },
      { lines: 180, unwanted: ['f'] },
    ]) {
      await view(chromium, lines);
      await expect.poll(() => restingLayers(firefox), POLL).toEqual(unwanted);
      await pause(300);
      const rested = Date.now();
      await pause(1_000);
      const { sent } = await Reception.at(firefox, rested);
      for (const layer of unwanted) expect(sent[layer]).toBe(0);
      expect(sent['q']).toBeGreaterThan(0);

      const start = Date.now();
      await view(chromium, 360);
      await expect.poll(width, POLL).toBe(640);
      const since = await Reception.at(chromium, start);
      const backMs = (since.firstAt(640) ?? NaN) - start;
      console.log(
        `Firefox: from ${lines} lines to 360 in ${backMs} ms, longest without a frame ${since.longestFreezeMs} ms`,
      );
      times.push(backMs);
    }
    // Half a second, but for a busy machine.
    expect(Math.min(...times)).toBeLessThan(SLOWNESS * 1_000);
  });

  test(
    'Firefox is given fewer of the frames of one layer, and all again, and misses none',
    { retry: 2 },
    async () => {
      const start = Date.now();
      for (const { temporal, least, most } of [
        { temporal: 0, least: 2, most: 5.5 },
        { temporal: 1, least: 5.5, most: 10 },
        // Fifteen, less what a busy machine does not get to encode.
        { temporal: 2, least: 9, most: 17 },
      ]) {
        await view(firefox, 360, { spatial: 0, temporal });
        await pause(500);
        const settled = Date.now();
        await pause(2_000);
        const { framesPerSecond } = await Reception.at(firefox, settled);
        console.log(
          `temporal layers up to ${temporal}: ${framesPerSecond.toFixed(1)} frames a second`,
        );
        expect(framesPerSecond).toBeGreaterThan(least);
        expect(framesPerSecond).toBeLessThan(most);
      }
      const reception = await Reception.at(firefox, start);
      // A number left out would be asked for again, and a wrong reference be answered by a key frame.
      expect(reception.nacks).toBe(0);
      expect(reception.keyRequests).toBe(0);
    },
  );
});

/** Has a page show the other's camera so many lines high, and take no layers above these. */
function view(viewer: Attendee, lines: number, layers: Layers = {}): Promise<void> {
  return viewer.evaluate(
    ([height, limits]) => {
      const [other] = document.querySelector('quiet-room')?.room?.participants ?? [];
      if (other?.videoTrack === undefined) throw new Error('nobody else has a camera');
      other.videoTrack.limitLayers(limits);
      other.videoTrack.show({ width: (height * 16) / 9, height });
    },
    [lines, layers] as const,
  );
}

/** The layers of its camera that a page's browser is set not to send. */
function restingLayers(participant: Attendee): Promise<string[]> {
  return participant.evaluate(() =>
    (globalThis as unknown as Kept).connections
      .flatMap((connection) => connection.getSenders())
      .flatMap((sender) => sender.getParameters().encodings)
      .flatMap(({ rid, active }) => (active === false && rid !== undefined ? [rid] : []))
      .sort(),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const POLL = { timeout: 15_000, interval: 50 };
