import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { focusStop, hasKeyboard, press, tabTo } from './keyboard';
import { GREEN, RED } from './participant';

const ROOM = 'by-keyboard';
const CONSENT = { version: '1', text: 'I agree to meet by video.' };

describe('a therapist and a client who have keyboards and no mouse', () => {
  const gathering = Gathering.bySessions();
  let therapist: Page;
  let client: Page;

  beforeAll(async () => {
    const people = await gathering.start([RED, GREEN], { width: 160, height: 90, frames: 15 });
    [therapist, client] = people.map(({ page }) => page) as [Page, Page];
    const { server } = gathering;
    await server.openSession({ room: ROOM, waitingRoom: true, consent: CONSENT });
    for (const [page, role] of [
      [therapist, 'host'],
      [client, 'client'],
    ] as const) {
      await page.goto(`${server.origin}/#token=${await server.token(ROOM, role)}`);
      await page.locator('quiet-room-tile[has-picture]').waitFor();
    }
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('come past the text and the waiting room, go and come again', async () => {
    await tabTo(client, 'Your name');
    await client.keyboard.type('Ben');
    await client.keyboard.press('Enter');
    await hasKeyboard(client, 'Before you come in');
    await press(client, 'I agree');
    await hasKeyboard(client, 'Waiting room');
    await press(client, 'Leave');
    await hasKeyboard(client, 'You have left');
    // Pressed twice in haste.
    await client.keyboard.press('Enter');
    await press(client, 'Join again');
    await hasKeyboard(client, 'Waiting room');

    await press(therapist, 'Join');
    await hasKeyboard(therapist, 'Before you come in');
    await press(therapist, 'I agree');
    await hasKeyboard(therapist, 'Controls');
    await therapist.locator('.prompt[data-subject=waiting]', { hasText: 'Ben' }).waitFor();
    await press(therapist, 'Show');
    await hasKeyboard(therapist, 'Close');
    await press(therapist, 'Let in Ben');
    await hasKeyboard(therapist, 'Session');
    await hasKeyboard(client, 'Controls');
  });

  test('write, raise a hand, share a screen, and see the keys', async () => {
    await client.locator('.protection.on').waitFor();
    await press(client, 'Chat');
    await hasKeyboard(client, 'Write to everyone');
    await client.keyboard.type('Good morning');
    await client.keyboard.press('Enter');
    await therapist.locator('.badge', { hasText: '1' }).waitFor();
    await client.keyboard.press('Escape');
    await hasKeyboard(client, 'Chat');

    await press(client, 'Raise hand');
    await hasKeyboard(client, 'Lower hand');
    await therapist.locator('[data-participant] .hand').waitFor();

    await press(client, 'Share screen');
    await hasKeyboard(client, 'Stop sharing');
    await therapist.locator('.stage quiet-room-tile').waitFor();
    await client.keyboard.press('Enter');
    await hasKeyboard(client, 'Share screen');
    await therapist.locator('.stage').waitFor({ state: 'detached' });

    await press(client, 'More');
    await hasKeyboard(client, 'Show who speaks large');
    await press(client, 'Keyboard shortcuts');
    await hasKeyboard(client, 'Close');
    await client.keyboard.press('Escape');
    await hasKeyboard(client, 'More');
  });

  test('are muted, unmute, are removed after a question, and the session ended for all', async () => {
    await therapist.locator('quiet-room-people .mute-microphone').waitFor();
    await press(therapist, 'Mute');
    // And not "Ask to unmute", which is where it was.
    await hasKeyboard(therapist, 'People');
    await client.locator('.prompt', { hasText: 'turned off your microphone' }).waitFor();
    await press(client, 'OK');
    await hasKeyboard(client, 'Controls');
    await press(client, 'Unmute');
    await hasKeyboard(client, 'Mute');
    await therapist.locator('quiet-room-people .mute-microphone').waitFor();

    await press(therapist, 'Remove');
    await hasKeyboard(therapist, 'Cancel');
    await therapist.keyboard.press('Enter');
    await hasKeyboard(therapist, 'Remove');
    await therapist.keyboard.press('Enter');
    await hasKeyboard(therapist, 'Cancel');
    await press(therapist, 'Remove');
    await hasKeyboard(client, 'You were removed from the session');
    await hasKeyboard(therapist, 'People');

    await press(therapist, 'End for all');
    await hasKeyboard(therapist, 'Cancel');
    await press(therapist, 'End for all');
    await hasKeyboard(therapist, 'The session is over');
    for (const page of [therapist, client]) expect(await focusStop(page)).toBeDefined();
  });
});
