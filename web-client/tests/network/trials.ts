import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Attendee } from '../browser/attendee';
import { SLOWNESS } from '../slow-machine';
import type { BadLink } from './bad-link';
import type { Way } from './link';
import { Reception } from './reception';
import type { Impairment } from './relay';

/** Whether the tests measure for minutes, and over more links. */
export const IS_LONG = process.env['QUIETROOM_LINKS'] === 'long';

/** What a browser behind a bad link is to reach, as shares of 1. */
export interface Bars {
  /** Of sound, of a link that loses a tenth: toward it, and from it. */
  readonly missing: Readonly<Record<Way, number>>;
}

/** Has a browser behind a bad link go through all; the narrow one may be left to the long form. */
export function tryBadLinks<Far extends Attendee>(
  place: BadLink<Far>,
  { missing }: Bars,
  { isNarrowOnlyInLong = false } = {},
): void {
  if (IS_LONG) vi.setConfig({ testTimeout: 300_000 });

  // What browsers do here differs from run to run; what is wrong is so three times.
  describe('behind a bad link, with somebody behind a good one', { retry: 2 }, () => {
    beforeAll(async () => {
      await place.start();
    });

    beforeEach(() => {
      place.explainFailure();
    });

    afterEach(async () => {
      await place.link.lose(0);
      await place.link.narrow(undefined);
    });

    afterAll(async () => {
      await place.close();
    });

    test('10 % loss, 60 ms: speech is whole, and pictures move', async () => {
      await place.link.lose(0.1);
      const joined = await place.enter({ delayMs: 30 });
      await passTime(joined + SETTLING_MS + MEASURED_MS);
      const both = await place.receive('10 % loss, 60 ms', joined + SETTLING_MS);

      for (const way of ['down', 'up'] as const) {
        keep(`sound missing, ${way}, in %`, both[way].soundMissing * 100, missing[way] * 100);
        keep(`picture frozen, ${way}, in %`, both[way].pictureFrozen * 100, 2);
      }
    });

    test.skipIf(isNarrowOnlyInLong && !IS_LONG)(
      '1 Mbit/s, 100 ms: its width is soon known, and the layer that fits is shown',
      async () => {
        await place.link.narrow({ rate: 1_000_000, queueMs: 300 });
        let joined = Date.now();
        const traffic = await place.watching(joined, async () => {
          joined = await place.enter({ delayMs: 50 });
          await passTime(joined + 4_000 + MEASURED_MS);
        });
        const settled = joined + 4_000;
        const { down } = await place.receive('1 Mbit/s, 100 ms', settled);

        const queueMs = traffic.queueMs('down', settled);
        const dropped = traffic.dropped('down', settled);
        const within = traffic.estimatedWithin(settled, 800_000, 1_050_000);
        const knownMs = (traffic.estimatedAt(joined, 800_000, 1_050_000) ?? NaN) - joined;
        const fitting = down.shareOf(await place.widthsSent('h', settled));
        console.log(
          `  known after ${Math.round(knownMs)} ms; then the estimate is ` +
            `${Math.round(traffic.estimate(settled) / 1_000)} kbit/s, ${percent(within)} of the time ` +
            `in 80 to 105 %; queue p95 ${Math.round(queueMs)} ms, ${percent(dropped)} dropped; ` +
            `the layer that fits ${percent(fitting)} of the time`,
        );
        // A busy machine reads feedback late, and its probes are uneven.
        const nearlyKnownAt = traffic.estimatedAt(joined, 650_000, 1_200_000) ?? NaN;
        keep('known, in ms', IS_LONG ? knownMs : nearlyKnownAt - joined, 4_000);
        expect(traffic.estimatedWithin(settled, 650_000, 1_200_000)).toBeGreaterThan(0.8);
        keep('queue p95, in ms', queueMs, 150);
        keep('dropped, in %', dropped * 100, 2);
        expect(fitting).toBeGreaterThan(0.7);
      },
    );

    const narrowed: [string, Way[]][] = [['toward it', ['down']]];
    if (IS_LONG) narrowed.push(['both ways', ['down', 'up']]);
    test.each(narrowed)(
      '2 Mbit/s, 300 kbit/s %s, 2 Mbit/s: nothing breaks off, and the upper layer is soon back',
      async (where, ways) => {
        await place.link.narrow({ rate: 2_000_000, queueMs: 300 });
        await place.enter({ delayMs: 50 });
        const isUpper = async (): Promise<boolean> => {
          const since = Date.now() - 1_000;
          const { width } = await Reception.at(place.far, since);
          return (await place.widthsSent('f', since)).has(width);
        };
        await expect.poll(isUpper, { timeout: 30_000 }).toBe(true);
        await passTime(Date.now() + 3_000);

        const fell = Date.now();
        let rose = fell;
        let backMs = NaN;
        await place.watching(fell, async () => {
          await place.link.narrow({ rate: 300_000, queueMs: 300 }, ways);
          await passTime(fell + SQUEEZED_MS);
          rose = Date.now();
          await place.link.narrow({ rate: 2_000_000, queueMs: 300 }, ways);
          while (Number.isNaN(backMs) && Date.now() < rose + SLACK * 10_000) {
            await passTime(Date.now() + 500);
            const upper = await place.widthsSent('f', rose);
            backMs = ((await Reception.at(place.far, rose)).firstOf(upper) ?? NaN) - rose;
          }
          // It may not last.
          await passTime(Date.now() + 3_000);
        });
        const { down, up } = await place.receive(`2 Mbit/s, 300 kbit/s ${where}, 2 Mbit/s`, fell);

        console.log(`  the upper layer is back after ${backMs} ms`);
        keep('longest freeze, in ms', down.longestFreezeMs, 1_000);
        keep('sound missing, down, in %', down.soundMissing * 100, 1.5);
        if (ways.includes('up')) keep('sound missing, up, in %', up.soundMissing * 100, 1.5);
        keep('the upper layer back, in ms', backMs, 10_000);
      },
    );

    // These have no bar of their own: they tell, and nothing may break off for good.
    test.runIf(IS_LONG).each([
      ['10 % loss in bursts of 3, 60 ms', { delayMs: 30, loss: 0.1, burst: 3 }],
      ['20 % loss, 60 ms, 40 ms of jitter', { delayMs: 30, loss: 0.2, jitterMs: 20 }],
      ['no loss, 300 ms, 40 ms of jitter', { delayMs: 150, jitterMs: 20 }],
    ] as [string, Impairment][])('%s', async (name, impairment) => {
      const freezes: number[] = [];
      for (const seed of [1, 2, 3]) {
        const joined = await place.enter({ ...impairment, seed });
        await passTime(joined + SETTLING_MS + 30_000);
        const both = await place.receive(`${name}, seed ${seed}`, joined + SETTLING_MS);
        expect(both.down.soundMissing).toBeLessThan(0.2);
        expect(both.up.soundMissing).toBeLessThan(0.2);
        expect(both.down.longestFreezeMs).toBeLessThan(5_000);
        expect(both.up.longestFreezeMs).toBeLessThan(6_000);
        freezes.push(both.up.longestFreezeMs);
      }
      const [, median = NaN] = freezes.sort((one, other) => one - other);
      console.log(`  longest without a frame from it: ${freezes.join(', ')} ms`);
      expect(median).toBeLessThan(3_000);
    });
  });
}

/** Prints a figure beside its bar, which it may miss by so much as {@link SLACK} says. */
function keep(what: string, figure: number, bar: number): void {
  const isMissed = figure > bar ? ', missed' : '';
  console.log(`  ${what}: ${figure.toFixed(2)} (bar ${bar}${isMissed})`);
  expect(figure, what).toBeLessThanOrEqual(SLACK * bar);
}

async function passTime(until: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, until - Date.now())));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

const MEASURED_MS = IS_LONG ? 120_000 : 12_000;
const SQUEEZED_MS = IS_LONG ? 60_000 : 8_000;
/** Until a loss is known, and encoders have found their bitrates. */
const SETTLING_MS = 6_000;
/** The short form runs beside other things, and on any machine; the long one is to keep the bars. */
const SLACK = IS_LONG ? 1 : 2 * SLOWNESS;
