import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { keepConnections } from '../browser/connections';
import { GREEN, Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { longestSilence, recordArrivals } from './arrivals';
import { Machine, SERVER } from './machine';

describe('somebody whose network changes', () => {
  let server: Server;
  let machine: Machine;
  let red: Participant;
  let green: Participant;

  beforeAll(async () => {
    server = await Server.startAt(SERVER, { capacity: 3 });
    machine = await Machine.make('red');
    await machine.plug(1);
    await machine.plug(2);
    await machine.connect(1);
    await machine.connect(2);
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
      await participant.open(server.link(await server.token('one')));
    }
    await Promise.all([red.meets(1), green.meets(1)]);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}`);
      for (const { person, console: lines } of [red, green]) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  });

  afterAll(async () => {
    await Promise.allSettled([red.close(), green.close()]);
    await machine.remove();
    await server.stop();
  });

  /** How long media was away from either while `change` was under way, at the longest. */
  async function silence(change: () => Promise<void>): Promise<number> {
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
    await expect
      .poll(() => Promise.all([red.tiles(), green.tiles()]), { timeout: 15_000 })
      .toEqual([[{ seen: 'green', heard: 'green' }], [{ seen: 'red', heard: 'red' }]]);
  }

  test('is heard and seen again soon when one of two addresses goes', async () => {
    const away = await silence(() => machine.disconnect(1));

    expect(away).toBeLessThan(SLACK * BAR_MS);
    await seeAndHearEachOther();
  });

  test('and when the other comes only after a moment without any', async () => {
    const gap = 500;
    const away = await silence(async () => {
      await machine.disconnect(2);
      await red.page.waitForTimeout(gap);
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
