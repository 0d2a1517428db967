import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { BadLine } from './bad-line';
import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';
import { keepStatuses, statuses } from './statuses';

describe('two people whose connection breaks', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;
  let line: BadLine;
  /** Each has expired a second later. */
  const greensTokens: string[] = [];
  const greensJoins: string[] = [];

  beforeAll(async () => {
    const people = [{ ...RED, browser: { without: KEEPS_NO_PAGES } }, GREEN];
    [red, green] = (await gathering.start(people)) as [Participant, Participant];
    line = await BadLine.to(gathering.server.origin, { latency: 0, jitter: 0, loss: 0 });
    const { server } = gathering;
    await red.open(`${line.origin}/#token=${await server.token('one')}&green-room=skip`);
    await green.page.route('**/demo/token*', async (route) => {
      const { thumbprint } = route.request().postDataJSON() as { thumbprint: string };
      const bound = ['--thumbprint', thumbprint, '--sub', 'green', '--ttl', '1s'];
      greensTokens.push(await server.token('one', 'client', bound));
      await route.fulfill({ json: { token: greensTokens.at(-1) } });
    });
    green.page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        const { type, token } = JSON.parse(String(payload)) as { type: string; token: string };
        if (type === 'join') greensJoins.push(token);
      });
    });
    await green.open(`${server.origin}/#invitation=hers&green-room=skip`);
    await Promise.all([red.meets(1), green.meets(1)]);
    await Promise.all([red, green].map(({ page }) => page.evaluate(keepWarnings)));
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    line.close();
    await gathering.close();
  });

  test('of a cut socket media hears nothing, and what is written meanwhile comes once', async () => {
    await red.page.evaluate(() => {
      const room = document.querySelector('quiet-room')?.room;
      const heard: string[] = [];
      Object.assign(window, { heard });
      room?.on('chatMessage', (_, text) => heard.push(text));
    });
    const frames = async (): Promise<number> => (await red.remotes())[0]?.picture?.frames ?? 0;
    const before = await frames();
    const ids = await red.ids();

    for (let round = 0; round < 3; round += 1) {
      line.cut();
      await green.page.evaluate((text) => {
        document.querySelector('quiet-room')?.room?.sendChat(text);
      }, `word ${round}`);
      await red.page.waitForTimeout(700);
    }

    // Three looks of more than a second each, at 15 frames a second.
    const fresh = (await frames()) - before;
    console.log(`${fresh} frames while the socket was cut three times`);
    expect(fresh).toBeGreaterThan(25);
    await expect
      .poll(() => red.page.evaluate(() => Reflect.get(window, 'heard') as unknown))
      .toEqual(['word 0', 'word 1', 'word 2']);
    expect(await red.ids()).toEqual(ids);
  });

  test('are told that the computer slept, which is back by itself', async () => {
    const ids = await red.ids();
    await red.page.evaluate(keepStatuses);
    await red.page.evaluate(() => {
      const real = Date.now.bind(Date);
      Date.now = () => real() + 600_000;
    });

    await expect
      .poll(() => red.page.evaluate(statuses))
      .toEqual(['This device was asleep. Reconnecting…', 'One other person is here.']);
    expect(await red.ids()).toEqual(ids);
  });

  test('see and hear each other again by themselves after the server was killed', async () => {
    const ids = await Promise.all([red.ids(), green.ids()]);
    const start = Date.now();

    await gathering.server.crash();

    const up = Date.now();
    await expect
      .poll(() => Promise.all([red.tiles(), green.tiles()]), { timeout: 30_000 })
      .toEqual([[tile('green')], [tile('red')]]);
    const back = Date.now();
    console.log(
      `back ${back - up} ms after the server was up again, ${back - start} ms after its death`,
    );
    expect(await Promise.all([red.ids(), green.ids()])).toEqual(ids);
    expect(greensTokens.slice(1)).toContain(greensJoins.at(-1));
    // What is seen must move, and not be the last picture before.
    for (const participant of [red, green]) {
      const [before] = await participant.remotes();
      const [after] = await participant.remotes();
      expect((after?.picture?.frames ?? 0) - (before?.picture?.frames ?? 0)).toBeGreaterThan(8);
    }
  });

  test('are warned of nobody by all that', async () => {
    const warned = await Promise.all(
      [red, green].map(({ page }) => page.evaluate(() => Reflect.get(window, 'warned') as unknown)),
    );

    expect(warned).toEqual([[], []]);
  });

  test('lose who goes to another page at once, who begins anew when they come back to it', async () => {
    const [id = ''] = await green.ids();
    const start = Date.now();
    const gone = green.misses(id, 10_000);
    await red.page.evaluate(() => {
      Object.assign(window, { wasKept: true });
    });
    await red.page.goto(`${line.origin}/imprint`);
    const took = (await gone) - start;
    console.log(`gone ${took} ms after going to another page`);
    // Who only loses the connection is missed for thirty seconds.
    expect(took).toBeLessThan(SLOWNESS * 5_000);

    const back = async (): Promise<unknown> => {
      await red.page.goBack({ waitUntil: 'commit' });
      await Promise.all([red.meets(1), green.meets(1)]);
      return red.page.evaluate(() => Reflect.get(window, 'wasKept') as unknown);
    };
    let wasKept = await back();
    // A browser that is short of time keeps no page.
    for (let attempt = 0; attempt < 3 && wasKept !== true; attempt++) {
      await red.page.evaluate(() => {
        Object.assign(window, { wasKept: true });
      });
      await red.page.goto(`${line.origin}/imprint`);
      wasKept = await back();
    }
    expect(wasKept).toBe(true);
  });
});

/** Runs in the page: keeps what it warns of. */
function keepWarnings(): void {
  const warned: string[] = [];
  Object.assign(window, { warned });
  document.querySelector('quiet-room')?.room?.on('warningsChanged', (warnings) => {
    warned.push(...warnings.map(({ kind }) => kind));
  });
}

/** With these, Chromium begins a page that one comes back to anew. */
const KEEPS_NO_PAGES = ['--disable-back-forward-cache'];

function tile(name: string): { seen: string; heard: string } {
  return { seen: name, heard: name };
}
