import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { type Participant, RED } from './participant';

const gathering = Gathering.bySessions();
let client: Participant;

beforeAll(async () => {
  [client] = (await gathering.start([RED])) as [Participant];
  await gathering.server.openSession({
    room: 'idle',
    waitingRoom: false,
    inactivityLimitSeconds: LEAST_LIMIT_SECONDS,
  });
});

beforeEach(() => {
  gathering.explainFailure();
});

afterAll(async () => {
  await gathering.close();
});

test('who does nothing is logged off, after a warning', async () => {
  const { page } = client;
  const { server } = gathering;
  const since = Date.now();
  await client.open(server.link(await server.token('idle')));
  // To speak is a sign of life, and these browsers' microphones are never quiet.
  const microphone = page.locator('.controls .microphone');
  await microphone.filter({ hasText: /Mute/ }).waitFor();
  await microphone.evaluate((button: HTMLElement) => {
    button.click();
  });
  await microphone.filter({ hasText: /Unmute/ }).waitFor();

  const warning = page.locator('.prompt[data-subject=inactivity]', { hasText: 'still here' });
  await warning.waitFor({ timeout: 70_000 });
  await page.locator('.ended', { hasText: 'You were logged off' }).waitFor({ timeout: 70_000 });

  expect(Date.now() - since).toBeGreaterThan(LEAST_LIMIT_SECONDS * 1_000);
}, 100_000);

/** The shortest that the API takes. */
const LEAST_LIMIT_SECONDS = 60;
