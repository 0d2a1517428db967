import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SOUND_GRACE } from '../../src/e2ee/worker/sframe/key-ring';
import { BLUE, GREEN, type Participant, RED, type Tile } from '../browser/participant';
import { Server } from '../browser/server';
import type { ServerMessage } from '../../src/signaling/protocol/ServerMessage';
import { ACCUSATION, Company, hiddenOn, safetyCode } from './company';
import { confuse, isOfGroup, Middleman } from './middleman';

describe('a server that lies to one of three people about the group', () => {
  const company = new Company();
  let server: Server;
  let red: Participant;
  let green: Participant;
  let blue: Participant;
  let before: Record<'red' | 'green' | 'blue', Middleman>;
  /** By which blue was taken into another room. */
  let foreign: ServerMessage;

  beforeAll(async () => {
    server = await Server.startWithKeys();
    [red, green, blue] = (await company.start([RED, GREEN, BLUE])) as [
      Participant,
      Participant,
      Participant,
    ];
    before = {
      red: await Middleman.before(red.page),
      green: await Middleman.before(green.page),
      blue: await Middleman.before(blue.page),
    };
    await enter(green, 'elsewhere');
    // Whoever is first begins the group, and is welcomed by nobody.
    await green.page.waitForFunction(() => window.observer.connected());
    await enter(blue, 'elsewhere');
    await Promise.all([green, blue].map((participant) => participant.meets(1)));
    const welcome = before.blue.told.find(({ type }) => type === 'mls-welcome');
    if (welcome === undefined) throw new Error('blue was not welcomed');
    foreign = welcome;
    for (const participant of [green, blue]) await participant.page.goto('about:blank');
    for (const participant of [red, green]) await enter(participant, 'here');
    await Promise.all([red, green].map((participant) => participant.meets(1)));
  });

  beforeEach(() => {
    company.explainFailure(() => server.output);
    for (const middleman of Object.values(before)) middleman.beHonest();
  });

  afterAll(async () => {
    await company.close();
    await server.stop();
  });

  async function enter(participant: Participant, room: string): Promise<void> {
    const link = server.link(await server.token(room));
    // Who has a name tells it to all after each change: messages to be confused.
    await participant.open(`${link}&name=${participant.person.name}`);
  }

  async function leave({ page }: Participant): Promise<void> {
    await page.goto('about:blank');
  }

  /** All are in one state of one group, see and hear one another, and nobody has crashed. */
  async function expectAllAreTogether(): Promise<void> {
    const all = [red, green, blue];
    await expect
      .poll(() => Promise.all(all.map((participant) => participant.tiles())), POLL)
      .toEqual([
        [tile('green'), tile('blue')],
        [tile('red'), tile('blue')],
        [tile('red'), tile('green')],
      ]);
    const codes = await Promise.all(all.map(safetyCode));
    expect(new Set(codes).size).toBe(1);
    expect(codes[0]).toMatch(/^\d{30}$/);
    expect(await company.isWell()).toBe(true);
  }

  test('takes neither a newcomer nor a member into another room', async () => {
    before.blue.meddle((message, pass) => {
      if (message.type === 'mls-welcome') pass(foreign);
      pass(message);
    });
    await enter(blue, 'here');
    await expectAllAreTogether();
    const code = await safetyCode(green);
    before.green.tell(foreign);

    await expect.poll(() => refused(green), POLL).toContain('mls-welcome');
    expect(await refused(blue)).toContain('mls-welcome');
    expect(await safetyCode(green)).toBe(code);
    await expectAllAreTogether();
  });

  test('keeps the one who is not told of a commit apart, until it is told', async () => {
    const earlier = await safetyCode(green);
    await leave(blue);
    await expect.poll(() => red.ids(), POLL).toHaveLength(1);
    // Leaving is a commit too.
    await expect.poll(() => safetyCode(green), POLL).not.toBe(earlier);
    const held: ServerMessage[] = [];
    before.green.meddle((message, pass) => {
      if (isOfGroup(message)) held.push(message);
      else pass(message);
    });
    const code = await safetyCode(green);
    await enter(blue, 'here');
    await blue.sees(RED, [], POLL.timeout);

    // Who has the old keys shows an old code, and nothing of those who have the new ones.
    await expect.poll(() => safetyCode(blue).then((its) => its === code), POLL).toBe(false);
    expect(await safetyCode(red)).toBe(await safetyCode(blue));
    expect(await safetyCode(green)).toBe(code);
    expect(held.map(({ type }) => type)).toContain('mls-commit');
    // Sound stays in the old epoch for a moment.
    await green.page.waitForTimeout(SETTLE_MS);
    const passed = await framesPassed(green);
    await green.page.waitForTimeout(1_500);
    expect(await framesPassed(green)).toEqual(passed);
    await expect(blue.sees(GREEN, [], 1_000)).rejects.toThrow('not within');

    before.green.beHonest();
    for (const message of held) before.green.tell(message);
    await expectAllAreTogether();
  });

  test('confuses nobody by telling everything twice and in the wrong order', async () => {
    for (const middleman of Object.values(before)) {
      middleman.told.length = 0;
      middleman.passed.length = 0;
      middleman.meddle(confuse());
    }
    for (let round = 0; round < 2; round += 1) {
      await leave(blue);
      await expect.poll(() => red.ids(), POLL).toHaveLength(1);
      await enter(blue, 'here');
      await expectAllAreTogether();
    }
    const meddled = Object.values(before).map(({ told, passed }) => {
      const [said, heard] = [told, passed].map((messages) =>
        messages.filter(isOfGroup).map((message) => JSON.stringify(message)),
      ) as [string[], string[]];
      expect(heard.length).toBeGreaterThan(1.5 * said.length);
      return [...new Set(heard)].join() !== said.join();
    });
    expect(meddled).toContain(true);
  });

  test('puts nobody’s name on another by swapping who is in which slot', async () => {
    let truth: ServerMessage | undefined;
    before.red.meddle((message, pass) => {
      if (message.type !== 'slots' || message.assignments.length < 2) {
        pass(message);
        return;
      }
      truth = message;
      const ids = message.assignments.map(({ participantId }) => participantId).reverse();
      const assignments = message.assignments.map(({ slot }, index) => ({
        slot,
        participantId: ids[index] ?? null,
      }));
      pass({ type: 'slots', assignments });
    });
    await leave(red);
    await expect.poll(() => green.ids(), POLL).toHaveLength(1);
    await enter(red, 'here');

    await expect.poll(async () => (await hiddenOn(red)).length, POLL).toBe(2);
    await expect
      .poll(() => red.page.evaluate(() => window.observer.status()), POLL)
      .toMatch(ACCUSATION);
    expect(await red.tiles()).toEqual([tile('nobody'), tile('nobody')]);

    before.red.beHonest();
    if (truth !== undefined) before.red.tell(truth);
    await expectAllAreTogether();
  });
});

/** Which kinds of message a page's worker did not believe. */
function refused({ page }: Participant): Promise<string[]> {
  return page.evaluate(() => {
    const reports = window.workerWatch.reports.filter((report) => report.type === 'group-refused');
    return reports.map(({ reason }) => reason.split(':')[0] ?? '');
  });
}

/** How many frames each of a page's receivers passed on. */
async function framesPassed({ page }: Participant): Promise<number[]> {
  const counts = await page.evaluate(() => window.workerWatch.counts());
  return counts
    .filter(({ options }) => options.direction === 'receive')
    .map(({ passed }) => passed);
}

function tile(name: string): Tile {
  return { seen: name, heard: name };
}

const POLL = { timeout: 20_000 };
const SETTLE_MS = SOUND_GRACE + 200;
