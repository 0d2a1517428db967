import { availableParallelism, loadavg } from 'node:os';

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';

/** More of them tell about the slowest ones too, if the machine has nothing else to do. */
const asked = process.env['QUIETROOM_JOINS'];
if (asked !== undefined) vi.setConfig({ testTimeout: 240_000 });

describe('joining a room where three people are', () => {
  const gathering = Gathering.byPrintedLink();
  const wasIdle = (loadavg()[0] ?? 0) < availableParallelism();
  let red: Participant;
  let newcomer: Participant;
  /** Leads to the green room. */
  let link: string;

  beforeAll(async () => {
    let green: Participant;
    [red, green, newcomer] = (await gathering.start([RED, GREEN, BLUE], SMALL)) as [
      Participant,
      Participant,
      Participant,
    ];
    const straightIn = gathering.server.printedLink ?? '';
    link = straightIn.replace('&green-room=skip', '');
    await red.open(straightIn);
    await green.open(straightIn);
    const third = await green.newPage();
    await third.setViewportSize({ width: 320, height: 240 });
    await third.goto(straightIn);
    await newcomer.page.addInitScript(watchPress);
    await red.meets(2);
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('shows the first picture soon after “Join” was pressed', async () => {
    const { page } = newcomer;
    const joins: Join[] = [];
    // The first of all fills the browsers' caches.
    for (let round = -1; round < JOINS; round += 1) {
      await page.goto('about:blank');
      await red.meets(2);
      await page.goto(link);
      await page.locator('quiet-room-tile[has-picture]').waitFor();
      // The person looks at it, at least.
      await page.waitForTimeout(LOOKING_MS);
      await page.locator('.join').click();
      const join = await page.waitForFunction(() => window.joined, undefined, { polling: 50 });
      if (round >= 0) joins.push((await join.jsonValue())!);
      await newcomer.meets(3);
    }
    const seen = joins.map(({ shown }) => shown).sort((one, other) => one - other);
    const marks = Object.keys(joins[0]?.marks ?? {}).map((mark) => {
      const values = joins.map((join) => join.marks[mark] ?? NaN);
      return `${mark} ${quantile(values, 0.5).toFixed(0)} (p95 ${quantile(values, 0.95).toFixed(0)})`;
    });
    console.log(
      [
        `“Join” to the first picture of ${String(joins.length)}: median ${quantile(seen, 0.5).toFixed(0)} ms, ` +
          `p95 ${quantile(seen, 0.95).toFixed(0)} ms (${seen.map((one) => one.toFixed(0)).join(', ')})`,
        `  on the way: ${marks.join(', ')} ms`,
      ].join('\n'),
    );
    if (asked === undefined)
      expect(quantile(seen, 0.5) / SLOWNESS).toBeLessThan(wasIdle ? BAR_MS : BUSY_MS);
    else expect(quantile(seen, 0.95)).toBeLessThan(BAR_MS);
  });
});

/** Milliseconds from the press. */
interface Join {
  /** To the frame in which somebody else's picture is uncovered. */
  readonly shown: number;
  readonly marks: Readonly<Record<string, number>>;
}

declare global {
  interface Window {
    joined: Join | undefined;
  }
}

/** Runs in the page before its own scripts: serialised as a whole. */
function watchPress(): void {
  const entryEnd = (part: string): number | undefined => {
    const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    return entries.find(({ name }) => name.includes(part))?.responseEnd;
  };

  const watch = (pressed: number): void => {
    requestAnimationFrame(() => {
      const element = document.querySelector('quiet-room');
      const tile = '[data-participant][has-picture]';
      if (element?.shadowRoot?.querySelector(tile) == null) {
        watch(pressed);
        return;
      }
      const { firstFrame } = window.observer.timings() ?? {};
      const timings = element.room?.timings;
      const at: Record<string, number | undefined> = {
        joinCalled: timings?.joinCalled,
        token: entryEnd('/demo/token'),
        ...timings,
        firstFrame: firstFrame === undefined ? undefined : firstFrame + (timings?.joinCalled ?? 0),
      };
      const marks = Object.entries(at)
        .filter((entry): entry is [string, number] => entry[1] !== undefined)
        .map(([name, time]) => [name, time - pressed] as const);
      window.joined = { shown: performance.now() - pressed, marks: Object.fromEntries(marks) };
    });
  };
  window.addEventListener(
    'click',
    (event) => {
      const isJoin = event
        .composedPath()
        .some((one) => one instanceof Element && one.matches('.join'));
      if (isJoin) watch(event.timeStamp);
    },
    { capture: true },
  );
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

const JOINS = Number(asked ?? 5);
const SMALL = { width: 320, height: 180, frames: 15 };
const LOOKING_MS = 500;
const BAR_MS = 800;
/** For a machine that does other things too. */
const BUSY_MS = 1_600;
