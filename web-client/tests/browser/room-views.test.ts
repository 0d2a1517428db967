import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import {
  ARABIC_MUTE,
  LIGHT,
  misplacedTiles,
  motions,
  overflowing,
  picture,
  putNotes,
  SIZES,
  speakArabic,
  violations,
} from './appearance';
import { crowd } from './crowd';
import { Gathering } from './gathering';
import { type FocusStop, focusStop } from './keyboard';
import { BLUE, type Participant, RED } from './participant';

const gathering = Gathering.byTokens();
let red: Participant;
let blue: Participant;
let page: Page;

beforeAll(async () => {
  [red, blue] = (await gathering.start([RED, BLUE])) as [Participant, Participant];
  page = red.page;
  for (const [index, participant] of [red, blue].entries()) {
    const token = await gathering.server.token('views', index === 0 ? 'host' : 'client');
    const name = index === 0 ? 'Dr. Ada Okafor' : 'Ben';
    await participant.open(`${gathering.server.link(token)}&name=${encodeURIComponent(name)}`);
  }
  await Promise.all([red.meets(1), blue.meets(1)]);
});

beforeEach(() => {
  gathering.explainFailure();
});

afterAll(async () => {
  await gathering.close();
});

async function nothingIsInTheWay(name: string): Promise<void> {
  await picture(page, `room-${name}`);
  expect(await violations(page)).toEqual([]);
  expect(await overflowing(page)).toEqual([]);
}

/** Opens "More" and presses what is called so. */
async function chooseMore(name: string): Promise<void> {
  await page.locator('.more-toggle').click();
  await page.locator('.more').getByRole('button', { name }).click();
}

test('who speaks is shown large, and the own picture hidden, by a key each', async () => {
  await page.locator('.controls .microphone').focus();
  await page.keyboard.press('l');
  await page.locator('li.pinned quiet-room-tile[data-participant]').waitFor();
  await page.keyboard.press('s');
  await page.locator('.grid [data-local]').waitFor({ state: 'detached' });
  const box = await page.locator('li.pinned').boundingBox();
  const grid = await page.locator('.grid').boundingBox();
  expect(box?.width).toBeCloseTo(grid?.width ?? 0, 0);
  await nothingIsInTheWay('speaker');

  await page.keyboard.press('s');
  await page.keyboard.press('l');
  await page.locator('.grid [data-local]').waitFor();
  expect(await page.locator('li.pinned').count()).toBe(0);
});

test('the keys are told on a sheet, and can be turned off for good', async () => {
  const isMuted = (): Promise<boolean> =>
    page.evaluate(
      () => !document.querySelector('quiet-room')!.room!.localParticipant.microphoneEnabled,
    );
  await page.locator('.controls .microphone').focus();
  await page.keyboard.press('m');
  await expect.poll(isMuted).toBe(true);
  await page.keyboard.press('m');
  await expect.poll(isMuted).toBe(false);

  await page.keyboard.press('Shift+?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await nothingIsInTheWay('shortcuts');
  await page.getByRole('checkbox', { name: 'Use keyboard shortcuts' }).uncheck();
  await page.keyboard.press('Escape');
  await page.locator('.controls .microphone').focus();
  await page.keyboard.press('m');
  await page.waitForTimeout(100);
  expect(await isMuted()).toBe(false);

  await chooseMore('Keyboard shortcuts');
  await page.getByRole('checkbox', { name: 'Use keyboard shortcuts' }).check();
  await page.keyboard.press('Escape');
});

test('while one writes, letters are letters', async () => {
  await page.locator('.chat-toggle').click();
  await page.keyboard.type('mv hls');

  expect(await page.locator('quiet-room-chat textarea').inputValue()).toBe('mv hls');
  expect(await page.locator('.controls .microphone.off').count()).toBe(0);
  await page.keyboard.press('Escape');
});

test('the small window shows the other one, and goes with the press that opened it', async () => {
  await chooseMore('Small window');
  const shown = (): Promise<boolean | undefined> =>
    page.evaluate(() => {
      const root = document.querySelector('quiet-room')?.shadowRoot;
      const video = root?.pictureInPictureElement as HTMLVideoElement | null | undefined;
      const stream = video?.srcObject as MediaStream | null | undefined;
      const other = document.querySelector('quiet-room')?.room?.participants[0]?.videoTrack;
      return stream?.getTracks().includes(other!.mediaStreamTrack);
    });
  await expect.poll(shown).toBe(true);

  await chooseMore('Close small window');
  await expect.poll(shown).toBeUndefined();
});

test('the keyboard gets to everything, and one sees where it is', async () => {
  await page.setViewportSize(SIZES.desktop);
  await page.locator('.controls .microphone').focus();
  await page.keyboard.press('p');
  await page.locator('.panel quiet-room-people .code').waitFor();
  await page.locator('.grid .pin').first().focus();
  const stops = await focusStops(page);

  const names = stops.map(({ name }) => name);
  for (const name of REACHED) expect(names).toContain(name);
  expect(stops.filter(({ isShown }) => !isShown)).toEqual([]);

  await page.locator('.panel .close').focus();
  await page.keyboard.press('Escape');
  await expect.poll(() => focused(page)).toBe('People');
  await page.locator('.more-toggle').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('Show who speaks large');
  await page.keyboard.press('Escape');
  await expect.poll(() => focused(page)).toBe('More');
});

test('the whole screen is taken and given back', async () => {
  const isFull = (): Promise<boolean> =>
    page.evaluate(() => document.fullscreenElement?.localName === 'quiet-room');
  await page.locator('.controls .microphone').focus();
  await page.keyboard.press('f');
  await expect.poll(isFull).toBe(true);

  await chooseMore('Leave full screen');
  await expect.poll(isFull).toBe(false);
});

test('the clinic’s own panel is beside the pictures, for this person only', async () => {
  await page.evaluate(() => {
    document.querySelector('quiet-room')!.panelLabel = 'My notes';
  });
  await putNotes(page);
  await page.getByRole('button', { name: 'My notes' }).click();
  await page.locator('label[slot=panel] textarea').fill('m is for mother');
  await page.locator('label[slot=panel] textarea').press('m');
  await page.locator('label[slot=panel] textarea').press('Escape');
  expect(await page.locator('.panel').count()).toBe(1);

  expect(await page.locator('.controls .microphone.off').count()).toBe(0);
  await nothingIsInTheWay('own-panel');
  await page.locator('.own-toggle').click();
  await page.locator('.own-toggle').click();
  expect(await page.locator('label[slot=panel] textarea').inputValue()).toBe('m is for motherm');
  await page.locator('.own-toggle').click();
  await page.evaluate(() => {
    document.querySelector('[slot=panel]')?.remove();
  });
  await page.locator('.own-toggle').waitFor({ state: 'detached' });
});

test.each(['phone', 'tablet', 'desktop'] as const)(
  'on a %s nothing is in the way',
  async (name) => {
    await page.setViewportSize(SIZES[name]);
    await nothingIsInTheWay(name);
    await page.locator('.more-toggle').click();
    await nothingIsInTheWay(`${name}-more`);
    await page.locator('.more').getByRole('button', { name: 'Devices' }).click();
    await page.locator('.panel quiet-room-devices').waitFor();
    await nothingIsInTheWay(`${name}-devices`);
    await page.keyboard.press('Escape');
  },
);

test('what is behind the person is blurred where the platform can', async () => {
  await page.setViewportSize(SIZES.desktop);
  await page.evaluate(() => {
    const { mediaStreamTrack } =
      document.querySelector('quiet-room')!.room!.localParticipant.videoTrack!;
    const settings = { ...mediaStreamTrack.getSettings(), backgroundBlur: false };
    Object.assign(mediaStreamTrack, {
      getCapabilities: () => ({ backgroundBlur: [false, true] }),
      getSettings: () => settings,
      applyConstraints: ({ backgroundBlur }: MediaTrackConstraints) => {
        settings.backgroundBlur = backgroundBlur === true;
        return Promise.resolve();
      },
    });
  });
  await chooseMore('Devices');
  const box = page.getByRole('checkbox', { name: 'Blur what is behind me' });
  const isBlurred = (): Promise<boolean | undefined> =>
    page.evaluate(
      () => document.querySelector('quiet-room')!.room!.localParticipant.backgroundBlur?.isOn,
    );
  await box.check();
  await expect.poll(isBlurred).toBe(true);
  await nothingIsInTheWay('blur');

  await box.uncheck();
  await expect.poll(isBlurred).toBe(false);
  await page.keyboard.press('Escape');
});

test('on a phone on its side the pictures have most of the height', async () => {
  await page.setViewportSize({ width: 844, height: 390 });
  await nothingIsInTheWay('phone-side');
  const heightOf = async (selector: string): Promise<number> =>
    (await page.locator(selector).boundingBox())?.height ?? 0;
  expect(await heightOf('.controls')).toBeLessThan(70);
  expect(await heightOf('.grid')).toBeGreaterThan(0.5 * 390);
});

test.each(['phone', 'desktop'] as const)('25 people all fit on a %s', async (name) => {
  await page.setViewportSize(SIZES[name]);
  await crowd(page, 24);
  await page.locator('[data-participant]').nth(23).waitFor();
  await nothingIsInTheWay(`${name}-25`);
  expect(await misplacedTiles(page)).toBe(0);
  await page.keyboard.press('l');
  await page.locator('li.pinned').waitFor();
  await nothingIsInTheWay(`${name}-25-speaker`);
  await page.keyboard.press('l');
  await crowd(page, 1);
});

test('from right to left, and at twice the size, nothing is cut', async () => {
  await page.setViewportSize({ width: 720, height: 450 });
  await speakArabic(page);
  await page.locator('.controls .microphone', { hasText: ARABIC_MUTE }).waitFor();
  const { left } = await box('.controls .microphone');
  expect(left).toBeGreaterThan((await box('.controls .leave')).left);
  await nothingIsInTheWay('right-to-left');
  await page.setViewportSize({ width: 320, height: 512 });
  await nothingIsInTheWay('right-to-left-400');
  await page.evaluate(() => {
    document.querySelector('quiet-room')!.lang = 'en';
  });
});

test('in high contrast, buttons and who speaks are told by lines', async () => {
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  await page.locator('.chat-toggle').click();
  await picture(page, 'room-high-contrast');
  expect(await violations(page, true)).toEqual([]);
  expect(await overflowing(page)).toEqual([]);
  const border = await page.evaluate(
    () =>
      getComputedStyle(
        document.querySelector('quiet-room')!.shadowRoot!.querySelector('.chat-toggle')!,
      ).borderTopWidth,
  );
  expect(border).toBe('3px');
  await page.emulateMedia({ forcedColors: null, reducedMotion: null });
  await page.locator('.chat-toggle').click();
});

test('who wants little motion sees nothing move but people, and else it does', async () => {
  const [button] = await page.locator('.controls .microphone').all();
  const react = async (who: Participant): Promise<void> => {
    await button?.hover();
    await who.page.evaluate(() => {
      document.querySelector('quiet-room')!.room!.react('👏');
    });
    await page.locator('.reaction', { hasText: '👏' }).first().waitFor();
    await page.locator('.people-toggle').click();
    await page.locator('.more-toggle').click();
    await page.keyboard.press('Escape');
    await page.locator('.people-toggle').click();
  };
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await motions(page, () => react(red))).toEqual([]);

  await page.emulateMedia({ reducedMotion: null });
  await page.locator('.reaction').waitFor({ state: 'detached' });
  expect(await motions(page, () => react(blue))).not.toEqual([]);
});

test('a page’s colours are taken up, and can be read', async () => {
  await page.evaluate((theme) => {
    const { style } = document.querySelector('quiet-room')!;
    for (const [name, value] of theme) style.setProperty(`--quiet-room-${name}`, value);
  }, LIGHT);
  await page.locator('.people-toggle').click();
  await nothingIsInTheWay('light');
  await page.locator('.people-toggle').click();
});

test('a camera that another program took is told of, until it gives pictures again', async () => {
  await page.evaluate(() => {
    const track = document.querySelector('quiet-room')!.room!.localParticipant.videoTrack!;
    Object.defineProperty(track.mediaStreamTrack, 'muted', { configurable: true, value: true });
    track.mediaStreamTrack.dispatchEvent(new Event('mute'));
  });
  const prompt = page.locator('.prompt', { hasText: 'Your camera gives no picture' });
  await prompt.waitFor();
  await nothingIsInTheWay('trouble');

  await page.evaluate(() => {
    const track = document.querySelector('quiet-room')!.room!.localParticipant.videoTrack!;
    Object.defineProperty(track.mediaStreamTrack, 'muted', { configurable: true, value: false });
    track.mediaStreamTrack.dispatchEvent(new Event('unmute'));
  });
  await prompt.waitFor({ state: 'detached' });
});

test('what the browser stops in the middle, as for a call, is heard again by a press', async () => {
  const areAllPlaying = (): Promise<boolean> =>
    page.evaluate(() =>
      [...document.querySelector('quiet-room')!.shadowRoot!.querySelectorAll('audio')].every(
        ({ paused }) => !paused,
      ),
    );
  await page.evaluate(() => {
    document.querySelector('quiet-room')!.shadowRoot!.querySelector('audio')!.pause();
  });
  await page.getByRole('button', { name: 'Tap to hear the others' }).click();

  await expect.poll(areAllPlaying).toBe(true);
  expect(await page.locator('.hear').count()).toBe(0);
});

test('notes that are being written as the session ends can be finished', async () => {
  await putNotes(page);
  await page.locator('.own-toggle').click();
  await page.locator('label[slot=panel] textarea').focus();
  await page.keyboard.type('she sle');
  await page.evaluate(() => {
    document.querySelector('quiet-room')!.room!.leave();
  });
  await page.locator('.ended').waitFor();

  await page.keyboard.type('eps better');
  expect(await page.locator('label[slot=panel] textarea').inputValue()).toBe('she sleeps better');
  await nothingIsInTheWay('ended-with-notes');
});

/** What somebody gets to by Tab from the first tile on, with the people shown. */
const REACHED = [
  'Show Ben large',
  'Close',
  'Lock the room',
  'Mute all',
  'End for all',
  'The code was compared with Ben',
  'Stop camera',
  'Remove',
  'Who talks how much',
  'Mute',
  'Share screen',
  'Raise hand',
  'React',
  'People',
  'Chat',
  'More',
  'Leave',
];

/** Where Tab goes from the present place on, until it leaves the element. */
async function focusStops(where: Page): Promise<FocusStop[]> {
  const stops: FocusStop[] = [];
  for (let presses = 0; presses < 60; presses++) {
    const stop = await focusStop(where);
    if (stop === undefined) break;
    stops.push(stop);
    await where.keyboard.press('Tab');
  }
  return stops;
}

/** What has the keyboard. */
async function focused(where: Page): Promise<string | undefined> {
  return (await focusStop(where))?.name;
}

function box(selector: string): Promise<{ left: number; top: number }> {
  return page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const { left, top } = element.getBoundingClientRect();
      return { left, top };
    });
}
