import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';

describe('two rooms on one server', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;
  let stranger: Participant;

  beforeAll(async () => {
    [red, green, stranger] = (await gathering.start([RED, GREEN, BLUE])) as [
      Participant,
      Participant,
      Participant,
    ];
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('never mix', async () => {
    const { server } = gathering;
    await stranger.open(server.link(await server.token('elsewhere')));
    await stranger.page.waitForFunction(() => window.observer.connected());
    for (const participant of [red, green]) {
      await participant.open(server.link(await server.token('here')));
    }
    await Promise.all([red.meets(1), green.meets(1)]);
    await expect
      .poll(() => Promise.all([red, green, stranger].map((one) => one.tiles())), { timeout: 8_000 })
      .toEqual([[{ seen: 'green', heard: 'green' }], [{ seen: 'red', heard: 'red' }], []]);
  });

  test('let in nobody whose token another clinic signed', async () => {
    const other = Gathering.byTokens();
    try {
      await other.start([]);
      const forged = await other.server.token('here');
      await stranger.page.goto('about:blank');
      await stranger.open(gathering.server.link(forged));
      await expect
        .poll(() => stranger.page.evaluate(() => window.observer.status()))
        .toMatch(/ask for a new link/i);
      expect(await stranger.ids()).toEqual([]);
      await red.meets(1);
    } finally {
      await other.close();
    }
  });
});
