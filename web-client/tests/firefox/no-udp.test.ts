import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GREEN, Participant } from '../browser/participant';
import { Encounter } from '../network/encounter';
import { NO_UDP, pathInUse } from '../network/path-in-use';
import { FirefoxParticipant } from './firefox';

describe('somebody with Firefox whose network lets no UDP through', () => {
  const encounter = new Encounter({
    name: 'fox',
    plug: async (machine) => {
      await machine.plugIn(1);
      await machine.run('nft', NO_UDP);
    },
    near: (surroundings) => Participant.start(GREEN, undefined, surroundings),
    far: (machine) => FirefoxParticipant.start({ machine }),
    scripts: [],
    mediaOverTcp: true,
  });

  beforeAll(async () => {
    await encounter.start();
    await encounter.meet({ near: 'client', far: 'client' });
  });

  afterAll(async () => {
    await encounter.close();
  });

  test('is seen and heard over TCP, on the port of the page', async () => {
    const { near, far, server } = encounter;
    encounter.explainFailure();
    const port = new URL(server.origin).port;
    expect(await far.evaluate(pathInUse)).toMatch(new RegExp(`^tcp .* to 10\\.9\\.0\\.1:${port}$`));
    const packets = await far.soundPackets();
    await near.page.waitForTimeout(1_000);
    expect((await far.soundPackets()) - packets).toBeGreaterThan(30);
    const [remote] = await near.remotes();
    expect(remote?.picture?.frames, 'pictures').toBeGreaterThan(10);
    // Of its tone, in dB.
    expect(Math.max(...(remote?.sound?.levels ?? [])), 'sound').toBeGreaterThan(-60);
  });
});
