import { availableParallelism, loadavg } from 'node:os';

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { keepChronicle } from './chronicle';
import type {} from './crowd-page/page';
import { frameTimes, type FrameTimes } from './frame-times';
import { Gathering } from './gathering';
import { JoinPages } from './join-pages';
import { BLUE, GREEN, RED, type Participant } from './participant';

/** How many are in the room, the one who looks included; nothing is measured without it. */
const PEOPLE = Number(process.env['QUIETROOM_PEOPLE'] ?? 0);

describe.runIf(PEOPLE > 0)('a room full of people with cameras', () => {
  const gathering = Gathering.byTokens({ capacity: PEOPLE });
  let viewer: Participant;
  let crowd: Page[];

  beforeAll(async () => {
    const [first, ...others] = await gathering.start([RED, GREEN, BLUE], SMALL);
    viewer = first!;
    const pages = new JoinPages(gathering.server.origin, 'crowd-page');
    crowd = [];
    const shares = others.map((_, index) => Math.ceil((PEOPLE - 1 - index) / others.length));
    for (const [index, participant] of others.entries()) {
      const page = await pages.open(participant);
      crowd.push(page);
      const tokens = await Promise.all(
        Array.from({ length: shares[index] ?? 0 }, () => gathering.server.token('full')),
      );
      await page.evaluate((all) => window.crowdPage.join(all), tokens);
    }
    const { page } = viewer;
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.addInitScript(keepChronicle);
    // The last seat is a host's.
    await viewer.open(gathering.server.link(await gathering.server.token('full', 'host')));
  }, START_MS);

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test(
    'is shown whole, and this is how long its frames take',
    async () => {
      const { page } = viewer;
      const moving = async (): Promise<number> => {
        const before = await page.evaluate(() => window.chronicle.tiles());
        await page.waitForTimeout(500);
        const after = await page.evaluate(() => window.chronicle.tiles());
        return after.filter(({ frames }, at) => (frames ?? 0) > (before[at]?.frames ?? Infinity))
          .length;
      };
      await expect.poll(moving, { timeout: 60_000 }).toBe(PEOPLE - 1);
      // Estimates of the path, and the voices' marks, have settled.
      await page.waitForTimeout(5_000);

      const figures = await frameTimes(page, MEASURED_MS);
      const busy = await whileMoving(page, () => frameTimes(page, MEASURED_MS));
      const sizes = await page.evaluate(pictureSizes);
      console.log(inWords(figures, `pictures of ${sizes}`));
      console.log(inWords(busy, 'while the mouse moves'));
      const marks = await page.evaluate(countMarks);
      console.log(`marks of who speaks changed ${String(marks)} times in 3 s`);

      expect(await moving()).toBe(PEOPLE - 1);
      // A beat of the screen is 16.7 ms; no machine needs a tenth of a second.
      expect(quantile(figures.frames, 0.5)).toBeLessThan(SLOWNESS * 100);
      expect(quantile(busy.frames, 0.5)).toBeLessThan(SLOWNESS * 100);
      expect(figures.shares.scripts).toBeLessThan(0.5);
    },
    START_MS,
  );
});

/**
 * Moves the mouse over the page until `work` is done. Chromium draws a page of
 * pictures that come at less than 30 a second at every second beat of the
 * screen only, however little it has to do, but not within a quarter of a
 * second after any input.
 */
async function whileMoving<T>(page: Page, work: () => Promise<T>): Promise<T> {
  let isDone = false;
  const move = async (): Promise<void> => {
    for (let step = 0; !isDone; step += 1) {
      await page.mouse.move(300 + (step % 50) * 10, 300);
      await page.waitForTimeout(50);
    }
  };
  const moving = move();
  try {
    return await work();
  } finally {
    isDone = true;
    await moving;
  }
}

function inWords({ frames, longTasks, shares, functions }: FrameTimes, what: string): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const busy = shares.all * (frames.reduce((sum, frame) => sum + frame, 0) / frames.length);
  const load = ((loadavg()[0] ?? 0) / availableParallelism()).toFixed(1);
  return [
    `${String(PEOPLE)} people, ${what}; load by core ${load}:`,
    `  frames: median ${quantile(frames, 0.5).toFixed(1)} ms, p95 ${quantile(frames, 0.95).toFixed(1)} ms, ` +
      `longest ${quantile(frames, 1).toFixed(0)} ms; the page's own part ${busy.toFixed(1)} ms a frame; ` +
      `${String(longTasks.length)} tasks over 50 ms`,
    `  of the time: ${Object.entries(shares)
      .map(([name, share]) => `${name} ${percent(share)}`)
      .join(', ')}`,
    ...functions.slice(0, 12).map(([name, share]) => `  ${percent(share)} ${name}`),
  ].join('\n');
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** In the page: how large the pictures are that come, and how they are shown. */
function pictureSizes(): string {
  const tiles = document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelectorAll('quiet-room-tile[data-participant]');
  const sizes = new Map<string, number>();
  for (const tile of tiles ?? []) {
    const video = tile.shadowRoot?.querySelector('video');
    if (video == null) continue;
    const { videoWidth, videoHeight, clientWidth, clientHeight } = video;
    const size = `${videoWidth}x${videoHeight} shown at ${clientWidth}x${clientHeight}`;
    sizes.set(size, (sizes.get(size) ?? 0) + 1);
  }
  return [...sizes].map(([size, count]) => `${size} (${count})`).join(', ');
}

/** In the page: how often somebody is marked as speaking, or no more, in three seconds. */
async function countMarks(): Promise<number> {
  let count = 0;
  const observer = new MutationObserver((changes) => {
    count += changes.length;
  });
  const tiles = document.querySelector('quiet-room')?.shadowRoot?.querySelectorAll('.grid li > *');
  for (const tile of tiles ?? []) observer.observe(tile, { attributeFilter: ['speaking'] });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  observer.disconnect();
  return count;
}

const SMALL = { width: 320, height: 180, frames: 15 };
const START_MS = 240_000;
const MEASURED_MS = 10_000;
