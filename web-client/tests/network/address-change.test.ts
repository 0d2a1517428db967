import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { GREEN, Participant, RED } from '../browser/participant';
import { longestSilence, recordArrivals } from './arrivals';
import { Encounter } from './encounter';

describe('somebody whose network changes', () => {
  const encounter = new Encounter({
    name: 'red',
    plug: async (machine) => {
      for (const cable of [1, 2]) await machine.plugIn(cable);
    },
    near: (surroundings) => Participant.start(GREEN, undefined, surroundings),
    far: async (machine, origin) =>
      Participant.start(RED, undefined, await machine.surroundings(origin)),
    scripts: [recordArrivals],
  });

  beforeAll(async () => {
    await encounter.start();
    await encounter.meet({ near: 'client', far: 'client' });
  });

  beforeEach(() => {
    encounter.explainFailure();
  });

  afterAll(async () => {
    await encounter.close();
  });

  /** How long media was away from either while `change` was under way, at the longest. */
  async function silence(change: () => Promise<void>): Promise<number> {
    const { near: green, far: red } = encounter;
    await red.page.waitForTimeout(1_000);
    const ids = await Promise.all([red.ids(), green.ids()]);
    const start = Date.now();
    await change();
    await red.page.waitForTimeout(6_000);
    const [atRed, atGreen] = await Promise.all(
      [red, green].map(({ page }) => longestSilence(page, start)),
    );
    const said = [atRed, atGreen].map((at) => `sound ${at?.sound} ms, picture ${at?.picture} ms`);
    console.log(`away from the one who moved: ${said[0]}; from the other: ${said[1]}`);
    expect(await Promise.all([red.ids(), green.ids()]), 'nobody came anew').toEqual(ids);
    const figures = [atRed, atGreen].flatMap((at) => [at?.sound ?? 0, at?.picture ?? 0]);
    return Math.max(...figures);
  }

  async function seeAndHearEachOther(): Promise<void> {
    const { near: green, far: red } = encounter;
    await expect
      .poll(() => Promise.all([red.tiles(), green.tiles()]), { timeout: 15_000 })
      .toEqual([[{ seen: 'green', heard: 'green' }], [{ seen: 'red', heard: 'red' }]]);
  }

  test('is heard and seen again soon when one of two addresses goes', async () => {
    const away = await silence(() => encounter.machine.disconnect(1));

    expect(away).toBeLessThan(SLACK * BAR_MS);
    await seeAndHearEachOther();
  });

  test('and when the other comes only after a moment without any', async () => {
    const gap = 500;
    const { machine, near } = encounter;
    const away = await silence(async () => {
      await machine.disconnect(2);
      await near.page.waitForTimeout(gap);
      await machine.connect(1);
    });

    // Chromium itself may take two seconds to take notice of a new address.
    expect(away - gap).toBeLessThan(SLACK * BAR_MS);
    await seeAndHearEachOther();
  });
});

/** What is printed is to be within this; the machine may be doing other things. */
const BAR_MS = 2_000;
const SLACK = 2;
