import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';
import { writeWave } from './tone';

const gathering = Gathering.bySessions();
/** Whose microphone is on, and gives nothing. */
let client: Participant;
let speaker: Participant;

beforeAll(async () => {
  const people = [{ ...RED, voice: writeSilence }, GREEN];
  const size = { width: 160, height: 90, frames: 15 };
  [client, speaker] = (await gathering.start(people, size)) as [Participant, Participant];
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

test('who cannot be heard is told so, and logged off after a warning', async () => {
  const { page } = client;
  const { server } = gathering;
  const since = Date.now();
  await speaker.open(server.link(await server.token('idle')));
  await client.open(server.link(await server.token('idle')));
  await page.locator('.controls .microphone', { hasText: /^\s*Mute/ }).waitFor();

  const silence = page.locator('.prompt[data-subject=silence]', { hasText: 'We can’t hear you' });
  await silence.waitFor({ timeout: 50_000 });
  // Who speaks has been there for longer.
  expect(await speaker.page.locator('.prompt[data-subject=silence]').count()).toBe(0);

  const warning = page.locator('.prompt[data-subject=inactivity]', { hasText: 'still here' });
  await warning.waitFor({ timeout: 70_000 });
  await page.locator('.ended', { hasText: 'You were logged off' }).waitFor({ timeout: 70_000 });

  expect(Date.now() - since).toBeGreaterThan(LEAST_LIMIT_SECONDS * 1_000);
  // To speak is a sign of life.
  expect(await speaker.page.evaluate(() => window.observer.connected())).toBe(true);
}, 100_000);

function writeSilence(path: string): Promise<void> {
  return writeWave(path, new Int16Array(48_000));
}

/** The shortest that the API takes. */
const LEAST_LIMIT_SECONDS = 60;
