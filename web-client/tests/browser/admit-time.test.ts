import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';

const gathering = Gathering.bySessions();
let therapist: Participant;
let client: Participant;

beforeAll(async () => {
  [therapist, client] = (await gathering.start([RED, GREEN])) as [Participant, Participant];
  await gathering.server.openSession({ room: 'waiting', waitingRoom: true });
});

beforeEach(() => {
  gathering.explainFailure();
});

afterAll(async () => {
  await gathering.close();
});

test('who is let in sees the therapist within a second', async () => {
  const { server } = gathering;
  await therapist.open(server.link(await server.token('waiting', 'host')));
  await therapist.page.locator('.people-toggle').click();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await client.page.goto('about:blank');
    await client.open(server.link(await server.token('waiting')));
    const admit = therapist.page.locator('quiet-room-session-controls .admit');
    await admit.waitFor();
    const seen = client.sees(RED, [], 10_000);
    const pressed = await therapist.page.evaluate(() => {
      const controls = document
        .querySelector('quiet-room')!
        .renderRoot.querySelector('quiet-room-session-controls')!;
      controls.shadowRoot!.querySelector<HTMLElement>('.admit')!.click();
      return Date.now();
    });
    times.push((await seen) - pressed);
  }
  times.sort((a, b) => a - b);
  console.log(`let in to first frame: ${times.map(Math.round).join(', ')} ms`);
  expect(times[Math.ceil(times.length * SHARE) - 1]).toBeLessThan(SLOWNESS * 1000);
});

/** More of them tell about the slowest ones too, if the machine has nothing else to do. */
const asked = process.env['QUIETROOM_ADMISSIONS'];
const ROUNDS = Number(asked ?? 8);
const SHARE = asked === undefined ? 0.75 : 0.95;
