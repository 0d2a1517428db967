import { join } from 'node:path';

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, test, vi } from 'vitest';

import { SIZES } from './appearance';
import { crowd } from './crowd';
import { Gathering } from './gathering';
import type { Participant } from './participant';
import { SITTERS } from './sitters';
import type { Role } from '../../src/signaling/protocol/Role';

/** Where the pictures go; none are made without it. */
const FOLDER = process.env['QUIETROOM_SCREENS'];
vi.setConfig({ testTimeout: 240_000 });

/** Every screen, to be looked at by people: at each size, in each language. */
describe.runIf(FOLDER !== undefined)('every screen', () => {
  const gathering = Gathering.bySessions();
  let people: Participant[];

  beforeAll(async () => {
    people = await gathering.start(SITTERS, SMALL);
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  async function link(room: string, role: Role, more: string): Promise<string> {
    const { server } = gathering;
    return `${server.origin}/#token=${await server.token(room, role)}${more}`;
  }

  async function open(page: Page, address: string): Promise<void> {
    await page.goto('about:blank');
    await page.goto(address);
  }

  async function shoot(page: Page, name: string): Promise<void> {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      // Another layout has pictures of other sizes come.
      await page.waitForTimeout(600);
      await page.screenshot({ path: join(FOLDER ?? '', `${name}-${size}.png`) });
    }
  }

  test.each(['en', 'es'])('before and after the room, in %s', async (language) => {
    const { server } = gathering;
    const room = `door-${language}`;
    await server.openSession({ room, waitingRoom: true, consent: CONSENT });
    const { page } = people[0]!;
    const shot = (name: string): Promise<void> => shoot(page, `${language}-${name}`);
    await open(page, await link(room, 'client', `&lang=${language}&name=Ben`));
    await page.locator('quiet-room-tile[has-picture]').waitFor();
    await shot('green-room');
    await page.locator('.join').click();
    await page.locator('.consent').waitFor();
    await shot('consent');
    await page.locator('.accept').click();
    await page.locator('.waiting quiet-room-tile[has-picture]').waitFor();
    await shot('waiting');
    const crash = server.crash(5_000);
    await page.locator('.waiting .back').waitFor();
    await shot('waiting-interrupted');
    await crash;
    await page.locator('.waiting .back').waitFor({ state: 'detached' });
    await page.locator('.leave').click();
    await page.locator('.ended').waitFor();
    await shot('left');
    await open(page, `${server.origin}/#token=nonsense&lang=${language}&green-room=skip`);
    await page.locator('.ended').waitFor();
    await shot('error');

    const refused = await people[0]!.newPage();
    await refused.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
    });
    await open(refused, await link(room, 'client', `&lang=${language}`));
    await refused.locator('.problems ol').waitFor();
    await shoot(refused, `${language}-denied`);
    await refused.close();
  });

  test.each(['en', 'es', 'ar'])('the room, in %s', async (language) => {
    const { server } = gathering;
    const room = `room-${language}`;
    await server.openSession({ room, waitingRoom: true, capacity: 12 });
    const [ben, ada, cleo] = people as [Participant, Participant, Participant];
    const { page } = ada;
    const names = language === 'ar' ? ARABIC_NAMES : NAMES;
    const shot = (name: string): Promise<void> => shoot(page, `${language}-${name}`);
    const enter = async (who: Page, index: number): Promise<void> => {
      const name = encodeURIComponent(names[index] ?? '');
      await open(who, await link(room, 'client', `&name=${name}&green-room=skip`));
      await page.locator('quiet-room-session-controls .admit').click();
    };
    await page.setViewportSize(SIZES.desktop);
    const name = encodeURIComponent(names[0] ?? '');
    await open(page, await link(room, 'host', `&name=${name}&green-room=skip`));
    // As text: the tests' own loader would take the import for itself.
    await page.evaluate(`(async () => {
      const { addLanguage, english } = await import(new URL('quietroom.js', location.href).href);
      addLanguage({ ...english, ...${JSON.stringify(ARABIC)} });
      document.querySelector('quiet-room').lang = '${language}';
    })()`);
    await page.locator('.protection.on').waitFor();
    await shot('room-1');

    await page.locator('.people-toggle').click();
    await enter(ben.page, 1);
    await page.locator('.people-toggle').click();
    await page.locator('[data-participant][has-picture]').waitFor();
    await shot('room-2');

    await page.locator('.people-toggle').click();
    const tabs = await Promise.all([ben.newPage(), cleo.newPage(), ben.newPage()]);
    for (const [index, tab] of [cleo.page, ...tabs].entries()) await enter(tab, 2 + index);
    await page.locator('.people-toggle').click();
    await page.locator('[data-participant]').nth(4).waitFor();
    // On a slow machine some are paused.
    await page.waitForTimeout(3_000);
    await shot('room-6');

    await page.keyboard.press('l');
    await page.locator('li.pinned').waitFor();
    await shot('speaker');
    await page.keyboard.press('l');

    await page.locator('.more-toggle').click();
    await shot('more');
    await page.keyboard.press('Escape');
    await page.locator('.react').click();
    await shot('reactions');
    await page.keyboard.press('Escape');

    const lines = language === 'ar' ? ARABIC_LINES : LINES;
    for (const [index, line] of lines.entries()) {
      await (index % 2 === 0 ? page : ben.page).evaluate((text) => {
        document.querySelector('quiet-room')!.room!.sendChat(text);
      }, line);
    }
    await page.locator('.chat-toggle').click();
    await page
      .locator('quiet-room-chat .line')
      .nth(lines.length - 1)
      .waitFor();
    await shot('chat');

    await ben.page.locator('.controls .hand').click();
    await cleo.page.locator('.controls .hand').click();
    const caller = await cleo.newPage();
    const address = await link(room, 'client', `&name=${encodeURIComponent(names[6] ?? '')}`);
    await open(caller, `${address}&green-room=skip`);
    await page.locator('.prompt[data-subject=waiting]').waitFor();
    await shot('somebody-waits');
    await page.locator('.people-toggle').click();
    await page.locator('quiet-room-session-controls .admit').waitFor();
    await shot('people');
    await page.locator('quiet-room-people .remove').first().click();
    await page.locator('dialog[open]').waitFor();
    await shot('confirm');
    await page.locator('dialog .cancel').click();
    await caller.close();
    await page.locator('.people-toggle').click();

    await cleo.page.locator('.controls .screen').click();
    await page.locator('.stage quiet-room-tile[has-picture]').waitFor();
    await shot('screen-share');
    await cleo.page.locator('.controls .screen').click();
    await page.locator('.stage').waitFor({ state: 'detached' });

    const crash = server.crash(6_000);
    await page.locator('[role=status] .status').waitFor();
    await shot('reconnecting');
    await crash;
    await page.locator('[role=status] .status').waitFor({ state: 'detached', timeout: 60_000 });

    await crowd(page, 24, 'seen');
    await page.locator('[data-participant]').nth(23).waitFor();
    await shot('room-25');
    await crowd(page, 5);

    await page.locator('.people-toggle').click();
    await page.locator('quiet-room-session-controls .end').click();
    await page.locator('dialog .confirm').click();
    await page.locator('.ended').waitFor();
    await shot('over');
    await Promise.all(tabs.map((tab) => tab.close()));
  });
});

/** Many are to be drawn at once. */
const SMALL = { width: 640, height: 360, frames: 8 };

const CONSENT = {
  version: '2026-11',
  text: 'Sessions by video\n\nI agree to meet by video. Nothing is recorded. I am in a place where nobody else can hear me, and I have told my therapist where that is.\n\nIf the connection is lost, my therapist calls me by telephone.',
};

const NAMES = [
  'Dr. Ada Okafor',
  'Ben',
  'Cleo van den Wijngaard-Castellanos',
  'Dan',
  'Eve',
  'Finn',
  'Gül',
];
const ARABIC_NAMES = [
  'د. ليلى حداد',
  'بشار',
  'كريمة عبد الرحمن السيد',
  'Dan',
  'هدى',
  'سمير',
  'نور',
];

const LINES = [
  'Good morning. Can everyone hear me?',
  'Yes, very well.',
  'Here is the form: https://clinic.example/forms/intake-2026-with-a-rather-long-address',
  'Thank you. I will fill it in while we wait for the others, if that is all right with you.',
];
const ARABIC_LINES = [
  'صباح الخير، هل تسمعونني؟',
  'نعم، جيدًا.',
  'https://clinic.example/forms',
  'شكرًا',
];

/** Some of a language that is written from right to left. */
const ARABIC = {
  language: 'ar',
  direction: 'rtl',
  mute: 'كتم الصوت',
  stopCamera: 'إيقاف الكاميرا',
  shareScreen: 'مشاركة الشاشة',
  raiseHand: 'رفع اليد',
  react: 'تفاعل',
  people: 'الأشخاص',
  chat: 'الدردشة',
  more: 'المزيد',
  leave: 'مغادرة',
  encrypted: 'مشفّر من طرف إلى طرف',
  reconnecting: 'انقطع الاتصال. جارٍ إعادة الاتصال…',
} as const;
