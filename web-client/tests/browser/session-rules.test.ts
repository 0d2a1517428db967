import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { overflowing, picture, SIZES, violations } from './appearance';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';
import type { Role } from '../../src/signaling/protocol/Role';

const ROOM = 'appointment-17';
const CONSENT = {
  version: '2026-11',
  text: 'Sessions by video\n\nI agree to meet by video. Nothing is recorded. I am in a place where nobody else can hear me, and I have told my therapist where that is.',
};

describe('a therapist, a client and an observer in a session of the clinic', () => {
  const gathering = Gathering.bySessions();
  let therapist: Page;
  let client: Page;
  let observer: Page;
  /** The observer's browser has another tab for somebody who comes for a moment. */
  let guest: Page;

  beforeAll(async () => {
    const people = await gathering.start([RED, GREEN, BLUE]);
    [therapist, client, observer] = (people as [Participant, Participant, Participant]).map(
      ({ page }) => page,
    ) as [Page, Page, Page];
    await gathering.server.openSession({ room: ROOM, waitingRoom: true, consent: CONSENT });
    guest = await people[2]!.newPage();
    const links = await Promise.all(
      (['host', 'client', 'observer', 'client'] as const).map(async (role) =>
        gathering.server.link(await gathering.server.token(ROOM, role)),
      ),
    );
    [therapistLink, clientLink, observerLink, guestLink] = links as [
      string,
      string,
      string,
      string,
    ];
  });
  let therapistLink: string;
  let clientLink: string;
  let observerLink: string;
  let guestLink: string;

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('who does not agree to the text does not come in', async () => {
    await client.goto(`${clientLink}&name=Ben`);
    await client.locator('.consent').waitFor();
    expect(await client.locator('.consent .text').textContent()).toContain('Nothing is recorded');
    await expectNothingInTheWay(client, 'consent');

    await client.locator('.decline').click();

    expect(await client.locator('.ended h2').textContent()).toBe('You have left');
    await expectNothingInTheWay(client, 'left');
    await client.locator('.rejoin').click();
    await client.locator('.consent .accept').click();
    await client.locator('.waiting .why', { hasText: 'not here yet' }).waitFor();
  });

  test('who waits is told of a lost connection, and is back in the waiting room by themselves', async () => {
    const back = client.locator('.waiting .back', { hasText: 'Stay on this page' });
    const crash = gathering.server.crash(CRASH_MS);
    await back.waitFor();
    await expectNothingInTheWay(client, 'waiting-interrupted');
    await crash;

    await back.waitFor({ state: 'detached' });
    await client.locator('.waiting .why', { hasText: 'not here yet' }).waitFor();
  });

  test('who waits is let in by the therapist, and is seen and heard only then', async () => {
    await client.locator('.waiting quiet-room-tile[has-picture]').waitFor();
    await expectNothingInTheWay(client, 'waiting');

    await therapist.goto(`${therapistLink}&name=Dr.%20Ada%20Okafor`);
    await therapist.locator('.accept').click();
    await therapist.locator('.prompt[data-subject=waiting]', { hasText: 'Ben' }).waitFor();
    await client.locator('.waiting .why', { hasText: 'will let you in' }).waitFor();
    expect(await therapist.evaluate(() => window.observer.ids())).toEqual([]);

    await therapist.locator('.prompt[data-subject=waiting] button').click();
    await therapist.locator('quiet-room-session-controls .admit').waitFor();
    const controls = therapist.locator('quiet-room-session-controls');
    expect(await controls.locator('.name').textContent()).toBe('Ben');
    await therapist.getByLabel('Write to those who wait').fill('Five minutes, please.');
    await controls.getByRole('button', { name: 'Send' }).click();
    await client.locator('.waiting .note', { hasText: 'Okafor: Five minutes, please.' }).waitFor();
    await expectNothingInTheWay(client, 'waiting-note');
    await expectNothingInTheWay(therapist, 'waiting-list');
    expect(gathering.server.output.join('')).not.toMatch(/Ben|Okafor|Five minutes/);
    await therapist.locator('quiet-room-session-controls .admit').click();

    await client.locator('[data-participant][has-picture]').waitFor();
    await therapist.locator('[data-participant][has-picture]').waitFor();
    expect(await therapist.locator('.prompt').count()).toBe(0);
  });

  test('who is muted hears of it, and turns it on only of their own will', async () => {
    await showPeople(therapist);
    await therapist.getByRole('button', { name: 'Mute', exact: true }).last().click();

    await client.locator('.prompt', { hasText: 'Dr. Ada Okafor turned off your' }).waitFor();
    expect(await label(client, '.microphone')).toBe('Unmute');

    await therapist.getByRole('button', { name: 'Ask to unmute' }).click();
    await client.locator('.prompt', { hasText: 'asks you to turn on' }).waitFor();
    expect(await label(client, '.microphone')).toBe('Unmute');
    await expectNothingInTheWay(client, 'asked');
    await client.locator('.prompt .primary').click();

    await therapist.locator('quiet-room-people .mute-microphone').waitFor();
    expect(await label(client, '.microphone')).toBe('Mute');
  });

  test('the therapist learns where the client is, and the server does not', async () => {
    await showPeople(client);
    await client.getByLabel('Where I am').fill('Mill Lane 5');
    await client.getByLabel('Whom to call').fill('Zoë, 555 0100');
    await client.getByRole('button', { name: 'Tell the therapist' }).click();

    await therapist.locator('quiet-room-people .emergency', { hasText: 'Mill Lane 5' }).waitFor();
    await expectNothingInTheWay(therapist, 'emergency');
    await expectNothingInTheWay(client, 'emergency-form');
    expect(gathering.server.output.join('')).not.toMatch(/Mill Lane|555 0100/);
  });

  test('a shared screen is taken off by the therapist', async () => {
    await client.locator('.controls .screen').click();
    await therapist.locator('.stage quiet-room-tile').waitFor();
    await therapist.locator('quiet-room-people .stop-share').click();

    await client.locator('.prompt', { hasText: 'ended the sharing' }).waitFor();
    await therapist.locator('.stage').waitFor({ state: 'detached' });
  });

  test('a locked room lets nobody in', async () => {
    await therapist.locator('quiet-room-session-controls .lock').click();
    await client.locator('.locked').waitFor();

    await observer.goto(`${observerLink}&name=Kim`);
    await observer.locator('.ended', { hasText: 'The room is locked.' }).waitFor();
    await expectNothingInTheWay(observer, 'locked');

    await therapist.locator('quiet-room-session-controls .lock').click();
    await client.locator('.locked').waitFor({ state: 'detached' });
  });

  test('an observer is seen to observe, by all', async () => {
    await guest.goto(`${guestLink}&name=Lou`);
    await observer.locator('.rejoin').click();
    for (const page of [guest, observer]) await page.locator('.accept').click();
    const waiting = therapist.locator('quiet-room-session-controls .name');
    for (const name of ['Kim', 'Lou']) await waiting.filter({ hasText: name }).waitFor();
    await therapist.locator('quiet-room-session-controls .admit-all').click();
    await observer.locator('.observing').waitFor();
    await guest.locator('.controls .leave').click();

    for (const page of [therapist, client]) {
      await page.locator('[data-participant] .note', { hasText: 'Observer' }).waitFor();
    }
    expect(await observer.locator('.controls .microphone, .controls .camera').count()).toBe(0);
    await therapist.locator('quiet-room-people li', { hasText: 'Lou' }).waitFor({
      state: 'detached',
    });
    await expectNothingInTheWay(therapist, 'powers');
    await expectNothingInTheWay(observer, 'observing');
  });

  test('who has agreed to the text is shown to the therapist, and to nobody else', async () => {
    const consents = therapist.locator('quiet-room-people .consent');
    expect(await consents.allTextContents()).toEqual(
      ['Ben', 'Kim'].map(() => 'Agreed to the text, version 2026-11'),
    );
    await showPeople(client);
    await client.locator('quiet-room-people li', { hasText: 'Kim' }).waitFor();
    expect(await client.locator('quiet-room-people .consent').count()).toBe(0);
  });

  test('who is removed does not come back', async () => {
    const entry = therapist.locator('quiet-room-people li', { hasText: 'Kim' });
    await entry.locator('.remove').click();
    await therapist.locator('dialog[open]').waitFor();
    await expectNothingInTheWay(therapist, 'remove');
    await therapist.locator('dialog .cancel').click();
    expect(await observer.locator('.ended').count()).toBe(0);

    await entry.locator('.remove').click();
    await therapist.locator('dialog .confirm').click();

    await observer.locator('.ended', { hasText: 'You were removed' }).waitFor();
    expect(await observer.locator('.rejoin').count()).toBe(0);
    await expectNothingInTheWay(observer, 'removed');
    await observer.reload();
    await observer.locator('.ended', { hasText: 'opens the room no more' }).waitFor();
    await expectNothingInTheWay(observer, 'not-joined');
  });

  test('who talks how much is shown to the therapist alone, by bars and words', async () => {
    await therapist.locator('quiet-room-talk-time summary').click();

    const rows = therapist.locator('quiet-room-talk-time tr');
    await expect
      .poll(() => rows.locator('th').allTextContents(), { timeout: 30_000 })
      .toEqual(['Dr. Ada Okafor (you)', 'Ben']);
    expect((await rows.locator('td').allTextContents()).join()).not.toMatch(/\d/);
    expect(await client.locator('quiet-room-talk-time').count()).toBe(0);
    await expectNothingInTheWay(therapist, 'talk-time', rows.last());
  });

  test('an end for all is one, and stays one when the server is started again', async () => {
    await therapist.locator('quiet-room-session-controls .end').click();
    await therapist.locator('dialog .confirm').click();

    for (const page of [therapist, client]) {
      await page.locator('.ended', { hasText: 'The session is over' }).waitFor();
      expect(await page.locator('.rejoin').count()).toBe(0);
    }
    await expectNothingInTheWay(client, 'over');
    await gathering.server.crash();
    for (const link of [clientLink, therapistLink]) {
      await client.goto('about:blank');
      await client.goto(link);
      await client.locator('.ended', { hasText: 'The session is over' }).waitFor();
    }
  });

  /** Comes into a session that a therapist and a co-host lead. */
  async function open(page: Page, role: Role, name: string): Promise<void> {
    const { server } = gathering;
    await page.goto('about:blank');
    await page.goto(`${server.link(await server.token('co-led', role))}&name=${name}`);
  }

  test('a co-host does what a host does, but over the host and the end, until the host is away', async () => {
    const coHost = observer;
    await gathering.server.openSession({ room: 'co-led', waitingRoom: true });
    await open(therapist, 'host', 'Ada');
    await open(coHost, 'co-host', 'Kim');
    const end = coHost.locator('quiet-room-session-controls .end');
    await coHost.locator('[data-participant]').waitFor();
    await showPeople(coHost);
    await coHost.locator('quiet-room-session-controls .lock').waitFor();
    expect(await end.count()).toBe(0);
    // Over a host, only hosts have power.
    const ada = coHost.locator('quiet-room-people li', { hasText: 'Ada' });
    await ada.waitFor();
    expect(await ada.locator('.remove, .mute-microphone').count()).toBe(0);

    await therapist.locator('.controls .leave').click();
    await coHost.locator('.prompt[data-subject=hosting]').waitFor();
    await end.waitFor();
  });

  test('a co-host who leads refuses, lets all in, and mutes', async () => {
    const coHost = observer;
    await open(client, 'client', 'Ben');
    await open(guest, 'client', 'Lou');
    await coHost.getByRole('button', { name: 'Refuse Lou' }).click();
    await guest.locator('.ended', { hasText: 'You were not let in' }).waitFor();
    await expectNothingInTheWay(guest, 'refused');
    await coHost.getByRole('button', { name: 'Refuse Lou' }).waitFor({ state: 'detached' });
    await guest.locator('.rejoin').click();
    await coHost.getByRole('button', { name: 'Let in Lou' }).waitFor();
    await coHost.getByRole('button', { name: 'Let all in' }).click();
    for (const page of [client, guest]) {
      await page.locator('[data-participant][has-picture]').nth(1).waitFor();
    }
    await guest.locator('.controls .leave').click();
    const ben = coHost.locator('quiet-room-people li', { hasText: 'Ben' });
    await ben.locator('.mute-microphone').click();
    await client.locator('.prompt', { hasText: 'Kim turned off your microphone' }).waitFor();
  });

  test('a co-host leads no more when the therapist is back', async () => {
    const coHost = observer;
    await therapist.locator('.rejoin').click();
    await coHost.locator('.prompt[data-subject=hosting]').waitFor({ state: 'detached' });
    const end = coHost.locator('quiet-room-session-controls .end');
    await end.waitFor({ state: 'detached' });
    await showPeople(therapist);
    const kim = therapist.locator('quiet-room-people li', { hasText: 'Kim' });
    await kim.locator('.remove').click();
    await therapist.locator('dialog .confirm').click();
    await coHost.locator('.ended', { hasText: 'You were removed' }).waitFor();
  });

  test('the time of a session ends it, after a warning', async () => {
    const now = Date.now();
    await gathering.server.openSession({
      room: 'short',
      waitingRoom: false,
      window: { opensAt: time(now - 60_000), closesAt: time(now + 6_000) },
    });
    await client.goto(gathering.server.link(await gathering.server.token('short', 'client')));
    await client.locator('.prompt[data-subject=ending]').waitFor();

    await client.locator('.ended', { hasText: 'The session is over' }).waitFor();
  });
});

async function showPeople(page: Page): Promise<void> {
  const toggle = page.locator('.people-toggle');
  if ((await toggle.getAttribute('aria-expanded')) === 'false') await toggle.click();
}

async function label(page: Page, button: string): Promise<string | undefined> {
  return (await page.locator(`.controls ${button}`).textContent())?.trim();
}

/** With `shown` on the screen, where it has to be scrolled to; at one size in the system's colours. */
async function expectNothingInTheWay(page: Page, name: string, shown?: Locator): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    const isForced = size === 'tablet';
    await page.emulateMedia({ forcedColors: isForced ? 'active' : null });
    await page.setViewportSize(viewport);
    await shown?.scrollIntoViewIfNeeded();
    await picture(page, `${size}-${name}`);
    expect(await violations(page, isForced)).toEqual([]);
    expect(await overflowing(page)).toEqual([]);
  }
}

/** Long enough for a look at what is said meanwhile. */
const CRASH_MS = 1_500;

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
