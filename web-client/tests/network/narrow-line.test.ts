import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { overflowing, picture, SIZES, violations } from '../browser/appearance';
import { GREEN, Participant, RED } from '../browser/participant';
import { longestSilence, recordArrivals } from './arrivals';
import { Encounter } from './encounter';

describe('somebody whose line takes no pictures', () => {
  const encounter = new Encounter({
    name: 'thin',
    plug: (machine) => machine.plugIn(1),
    near: (surroundings) => Participant.start(GREEN, undefined, surroundings),
    far: async (machine, origin) =>
      Participant.start(RED, undefined, await machine.surroundings(origin)),
    scripts: [recordArrivals],
  });

  beforeAll(async () => {
    await encounter.start();
    // Only who leads a session is told why another's connection is slow.
    await encounter.meet({ near: 'host', far: 'client' });
  });

  beforeEach(() => {
    encounter.explainFailure();
  });

  afterAll(async () => {
    await encounter.close();
  });

  test('goes on with sound alone, both ways, which all are told, and gets pictures back', async () => {
    const { near: green, far: red, machine } = encounter;
    onTestFailed(async () => {
      console.error(`at the end: ${JSON.stringify(await Promise.all([state(red), state(green)]))}`);
    });
    // Past the browser's first guesses.
    await red.page.waitForTimeout(6_000);
    const begun = Date.now();
    await machine.limit(1, KILOBITS);

    const paused = { own: true, others: undefined };
    await expect.poll(async () => (await state(red)).camera, POLL).toEqual(paused);
    const up = Date.now() - begun;
    await expect.poll(async () => (await state(red)).audioOnly, POLL).toBe('slow-connection');
    const down = Date.now() - begun;
    await expect.poll(async () => (await state(green)).camera.others, POLL).toBe('slow-uplink');
    await expect.poll(async () => (await state(green)).cause, POLL).toBe('slow-uplink');
    console.log(`sent sound alone after ${up} ms, received it after ${down} ms`);
    const settled = Date.now();
    await red.page.waitForTimeout(4_000);
    const [here, there] = await Promise.all(
      [red, green].map(({ page }) => longestSilence(page, settled)),
    );
    console.log(`without sound meanwhile: ${here?.sound} ms here, ${there?.sound} ms there`);
    for (const silence of [here, there]) expect(silence?.sound).toBeLessThan(1_000);

    for (const [name, size] of Object.entries(SIZES)) {
      await red.page.setViewportSize(size);
      await picture(red.page, `${name}-slow`);
      expect(await violations(red.page)).toEqual([]);
      expect(await overflowing(red.page)).toEqual([]);
    }

    const freed = Date.now();
    await machine.limit(1, undefined);
    await expect.poll(async () => (await state(red)).audioOnly, POLL).toBeUndefined();
    const downAgain = Date.now() - freed;
    await expect.poll(async () => (await state(green)).camera.others, POLL).toBeUndefined();
    await green.sees(RED, [], 15_000);
    console.log(`pictures back after ${downAgain} ms here, ${Date.now() - freed} ms there`);
  });
});

interface State {
  readonly audioOnly: string | undefined;
  readonly camera: { readonly own: boolean; readonly others: string | undefined };
  /** Of the other's connection. */
  readonly cause: string | undefined;
}

/** What a page's room says of itself, and of the other one. */
function state({ page }: Participant): Promise<State> {
  return page.evaluate(() => {
    const room = document.querySelector('quiet-room')?.room;
    const [other] = room?.participants ?? [];
    const others = other?.videoPaused === 'slow-uplink' ? other.videoPaused : undefined;
    return {
      audioOnly: room?.audioOnly,
      camera: { own: room?.localParticipant.cameraPaused === true, others },
      cause: other?.quality.cause,
    };
  });
}

/** Enough for sound, sent twice for safety, and for no picture beside it. */
const KILOBITS = 130;
const POLL = { timeout: 25_000, interval: 100 };
