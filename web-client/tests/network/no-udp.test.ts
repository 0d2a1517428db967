import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { GREEN, Participant, RED } from '../browser/participant';
import { Encounter } from './encounter';
import { NO_UDP, pathInUse } from './path-in-use';

describe('somebody whose network lets no UDP through', () => {
  const encounter = new Encounter({
    name: 'closed',
    plug: async (machine) => {
      for (const cable of [1, 2]) await machine.plugIn(cable);
      await machine.run('nft', NO_UDP);
    },
    near: (surroundings) => Participant.start(GREEN, undefined, surroundings),
    far: async (machine, origin) =>
      Participant.start(RED, undefined, await machine.surroundings(origin)),
    scripts: [],
    mediaOverTcp: true,
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

  async function seeAndHearEachOther(): Promise<void> {
    const { near: green, far: red } = encounter;
    await expect
      .poll(() => Promise.all([red.tiles(), green.tiles()]), { timeout: 15_000 })
      .toEqual([[{ seen: 'green', heard: 'green' }], [{ seen: 'red', heard: 'red' }]]);
  }

  test('is seen and heard over TCP, on the port of the page', async () => {
    const { near: green, far: red, server } = encounter;
    await seeAndHearEachOther();

    const port = new URL(server.origin).port;
    expect(await red.evaluate(pathInUse)).toMatch(new RegExp(`^tcp .* to 10\\.9\\.0\\.1:${port}$`));
    expect(await green.evaluate(pathInUse)).toMatch(/^udp /);
    expect(await server.figure('quietroom_media_connections')).toBeGreaterThan(0);
  });

  test('and is soon again at another address', async () => {
    const { near: green, far: red, machine } = encounter;
    const before = await red.evaluate(pathInUse);
    const ids = await Promise.all([red.ids(), green.ids()]);

    await machine.disconnect(1);

    await expect
      .poll(() => red.evaluate(pathInUse), { timeout: 10_000 })
      .toMatch(/^tcp 10\.9\.2\./);
    await seeAndHearEachOther();
    console.log(`from ${before} to ${await red.evaluate(pathInUse)}`);
    expect(await Promise.all([red.ids(), green.ids()]), 'nobody came anew').toEqual(ids);
  });
});
