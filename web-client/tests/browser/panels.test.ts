import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { overflowing, picture, SIZES, violations } from './appearance';
import { crowd } from './crowd';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';

describe('three people with names', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;
  let blue: Participant;

  beforeAll(async () => {
    const participants = await gathering.start([RED, GREEN, BLUE]);
    [red, green, blue] = participants as [Participant, Participant, Participant];
    const names = ['Dr. Ada Okafor', 'Ben', 'Zoë van den Wijngaard-Castellanos'];
    for (const [index, participant] of participants.entries()) {
      const token = await gathering.server.token('panels', index === 0 ? 'host' : 'client');
      const name = encodeURIComponent(names[index] ?? '');
      await participant.open(`${gathering.server.link(token)}&name=${name}`);
    }
    await Promise.all(participants.map((participant) => participant.meets(2)));
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('write to one another, see what is new, and hear of it', async () => {
    await red.page.locator('.chat-toggle').click();
    await red.page.keyboard.type('Shall we begin?');
    await red.page.keyboard.press('Enter');

    await green.page.locator('.badge', { hasText: '1' }).waitFor();
    expect(await green.page.evaluate(() => window.observer.status())).toContain(
      'Dr. Ada Okafor wrote: Shall we begin?',
    );
    await green.page.locator('.chat-toggle').click();
    await green.page.locator('quiet-room-chat .text', { hasText: 'Shall we begin?' }).waitFor();
    expect(await green.page.locator('.badge').count()).toBe(0);

    await green.page.keyboard.type('Yes, I am ready. I have the form here:');
    await green.page.keyboard.press('Shift+Enter');
    await green.page.keyboard.type(
      'https://clinic.example/forms/intake-2026-with-a-rather-long-address',
    );
    await green.page.keyboard.press('Enter');
    await red.page.locator('quiet-room-chat .text', { hasText: 'I have the form' }).waitFor();
    const written = await red.page.locator('quiet-room-chat .text').allTextContents();
    expect(written).toEqual([
      'Shall we begin?',
      'Yes, I am ready. I have the form here:\nhttps://clinic.example/forms/intake-2026-with-a-rather-long-address',
    ]);
    expect(gathering.server.output.join('')).not.toMatch(/Shall we|the form|Okafor/);
  });

  test('raise hands and react, for all to see', async () => {
    await blue.page.locator('.controls .hand').click();
    await red.page.locator('[data-participant] .hand').waitFor();

    await blue.page.locator('.controls .react').click();
    await blue.page.getByRole('button', { name: 'Applause' }).click();

    await red.page.locator('[data-participant] .reaction', { hasText: '👏' }).waitFor();
    await blue.page.locator('[data-local] .reaction', { hasText: '👏' }).waitFor();
    await green.page.locator('.controls .hand').click();
    await red.page.locator('[data-participant] .hand').nth(1).waitFor();
  });

  test('compare one safety code', async () => {
    const codes = await Promise.all(
      [red, blue].map(async ({ page }) => {
        await page.locator('.people-toggle').click();
        return page.locator('quiet-room-people .code').textContent();
      }),
    );
    expect(codes[0]?.replace(/\s/g, '')).toMatch(/^\d{30}$/);
    expect(codes[0]).toBe(codes[1]);
    const turn = async (name: string): Promise<string | null> =>
      red.page.locator('quiet-room-people li', { hasText: name }).locator('.place').textContent();
    expect([await turn('Zoë'), await turn('Ben')]).toEqual(['1', '2']);

    await red.page.getByRole('checkbox', { name: /with Ben/ }).check();

    await red.page.locator('quiet-room-tile .compared').waitFor();
    expect(await red.page.locator('quiet-room-tile .compared').count()).toBe(1);
  });

  test.each(['phone', 'desktop'] as const)('find nothing in their way on a %s', async (name) => {
    const { page } = red;
    await page.setViewportSize(SIZES[name]);
    await showPanel(red, undefined);
    await picture(page, `${name}-room`);
    expect(await violations(red.page)).toEqual([]);
    expect(await overflowing(red.page)).toEqual([]);
    for (const panel of ['chat', 'people'] as const) {
      await showPanel(red, panel);
      await picture(page, `${name}-${panel}`);
      expect(await violations(red.page)).toEqual([]);
      expect(await overflowing(red.page)).toEqual([]);
    }
    await page.locator('.controls .react').click();
    await picture(page, `${name}-reactions`);
    expect(await violations(red.page)).toEqual([]);
    await page.keyboard.press('Escape');
  });

  test.each(['phone', 'desktop'] as const)('show one large, and none, on a %s', async (name) => {
    const { page } = red;
    await page.setViewportSize(SIZES[name]);
    await showPanel(red, undefined);
    const nothingIsInTheWay = async (shown: string): Promise<void> => {
      await picture(page, `${name}-${shown}`);
      expect(await violations(page)).toEqual([]);
      expect(await overflowing(page)).toEqual([]);
    };
    const tile = page.locator('[data-participant]', { hasText: 'Zoë' });
    const area = async (): Promise<number> => {
      const { width = 0, height = 0 } = (await tile.boundingBox()) ?? {};
      return width * height;
    };
    const small = await area();

    await tile.locator('.pin').focus();
    await page.keyboard.press('Enter');
    await page.locator('li.pinned').waitFor();
    await nothingIsInTheWay('pinned');
    expect(await area()).toBeGreaterThan(1.5 * small);
    await pauseCameras(red, 'slow-connection');
    await nothingIsInTheWay('paused');
    expect(await wordsInTheWay(page)).toEqual([]);
    for (const others of [5, 24]) {
      await crowd(page, others, 'seen');
      await page
        .locator('[data-participant]')
        .nth(others - 1)
        .waitFor();
      await nothingIsInTheWay(`paused-${others + 1}`);
      expect(await wordsInTheWay(page)).toEqual([]);
    }
    await crowd(page, 2);
    await pauseCameras(red, undefined);
    await page.keyboard.press('Enter');
    await page.locator('li.pinned').waitFor({ state: 'detached' });

    const toggleAudioOnly = async (): Promise<void> => {
      await page.locator('.more-toggle').click();
      await page.locator('.more .audio-only-toggle').focus();
      await page.keyboard.press('Enter');
    };
    await toggleAudioOnly();
    await page.locator('p.audio-only').waitFor();
    await page.locator('[data-participant][has-picture]').first().waitFor({ state: 'detached' });
    await nothingIsInTheWay('audio-only');
    await toggleAudioOnly();
    await expect.poll(() => page.locator('[data-participant][has-picture]').count()).toBe(2);
  });

  test.each(['phone', 'desktop'] as const)('see a shared screen on a %s', async (name) => {
    const { page } = red;
    await page.setViewportSize(SIZES[name]);
    await showPanel(red, name === 'phone' ? undefined : 'chat');
    if ((await blue.page.locator('.controls .screen.on').count()) === 0) {
      await blue.page.locator('.controls .screen').click();
    }
    await page.locator('.stage quiet-room-tile[has-picture]').waitFor();
    await picture(page, `${name}-screen`);
    expect(await violations(red.page)).toEqual([]);
    expect(await overflowing(red.page)).toEqual([]);
    const stage = await page.locator('.stage').boundingBox();
    const grid = await page.locator('.grid').boundingBox();
    const area = (box: typeof stage): number => (box === null ? 0 : box.width * box.height);
    expect(area(stage)).toBeGreaterThan(area(grid) * 1.5);
  });
});

/** As if the server said so. */
function pauseCameras({ page }: Participant, reason: 'slow-connection' | undefined): Promise<void> {
  return page.evaluate((why) => {
    const element = document.querySelector('quiet-room');
    for (const participant of element?.room?.participants ?? []) {
      participant.handlePaused('camera', why);
    }
    element?.requestUpdate();
  }, reason);
}

/** Tiles whose words of a pause lie on the button or on the name. */
function wordsInTheWay(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.querySelector('quiet-room')?.renderRoot;
    return [...(root?.querySelectorAll('quiet-room-tile') ?? [])].flatMap((tile) => {
      const box = (selector: string): DOMRect | undefined =>
        tile.shadowRoot?.querySelector(selector)?.getBoundingClientRect();
      const words = box('.paused');
      if (words === undefined) return [];
      return ['.pin', 'figcaption'].flatMap((selector) => {
        const other = box(selector);
        const isApart =
          other === undefined ||
          other.bottom <= words.top ||
          other.top >= words.bottom ||
          other.right <= words.left ||
          other.left >= words.right;
        const { width, height } = tile.getBoundingClientRect();
        return isApart ? [] : `${tile.outerHTML} of ${width}x${height}: ${selector}`;
      });
    });
  });
}

async function showPanel(
  participant: Participant,
  panel: 'chat' | 'people' | undefined,
): Promise<void> {
  const { page } = participant;
  const open = page.locator('.controls [aria-expanded=true]');
  const wanted = panel === undefined ? undefined : page.locator(`.${panel}-toggle`);
  if (wanted !== undefined) {
    if ((await wanted.getAttribute('aria-expanded')) === 'false') await wanted.click();
  } else if ((await open.count()) > 0) {
    await open.click();
  }
}
