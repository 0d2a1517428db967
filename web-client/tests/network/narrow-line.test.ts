import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';

import { keepConnections } from '../browser/connections';
import { GREEN, Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { longestSilence, recordArrivals } from './arrivals';
import { Machine, SERVER } from './machine';

describe('somebody whose line takes no pictures', () => {
  let server: Server;
  let machine: Machine;
  let red: Participant;
  let green: Participant;

  beforeAll(async () => {
    server = await Server.startAt(SERVER, { capacity: 3 });
    machine = await Machine.make('thin');
    await machine.plug(1);
    await machine.connect(1);
    [red, green] = await Promise.all([
      Participant.start(RED, undefined, await machine.surroundings(server.origin)),
      Participant.start(GREEN, undefined, {
        flags: [`--unsafely-treat-insecure-origin-as-secure=${server.origin}`],
      }),
    ]);
    for (const { page } of [red, green]) {
      await page.addInitScript(keepConnections);
      await page.addInitScript(recordArrivals);
    }
    for (const participant of [red, green]) {
      // Only who leads a session is told why another's connection is slow.
      const role = participant === green ? 'host' : 'client';
      await participant.open(server.link(await server.token('one', role)));
    }
    await Promise.all([red.meets(1), green.meets(1)]);
  });

  afterAll(async () => {
    await Promise.allSettled([red.close(), green.close()]);
    await machine.remove();
    await server.stop();
  });

  test('goes on with sound alone, both ways, which all are told, and gets pictures back', async () => {
    onTestFailed(async () => {
      console.error(`server:\n${server.output.join('')}`);
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
