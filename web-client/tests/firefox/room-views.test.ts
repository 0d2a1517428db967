import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import {
  ARABIC_MUTE,
  LIGHT,
  misplacedTiles,
  motions,
  overflowing,
  putNotes,
  SIZES,
  speakArabic,
  violations,
} from '../browser/appearance';
import { BadLine } from '../browser/bad-line';
import { crowd } from '../browser/crowd';
import type {} from '../browser/crowd-page/page';
import { watchFrames } from '../browser/frame-times';
import { JoinPages } from '../browser/join-pages';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { SLOWNESS } from '../slow-machine';
import { FirefoxParticipant } from './firefox';
import { type Seat, User } from './user';

let server: Server;
let chromium: Participant;
let firefox: FirefoxParticipant;
let user: User;
/** By which both reach the server, each by one of its own. */
let lines: readonly [BadLine, BadLine];

beforeAll(async () => {
  [server, chromium, firefox] = await Promise.all([
    Server.startWithKeys(),
    Participant.start(RED, { width: 320, height: 180, frames: 15 }),
    FirefoxParticipant.start(),
  ]);
  user = new User(firefox);
  lines = await Promise.all([
    BadLine.to(server.origin, GOOD_LINE),
    BadLine.to(server.origin, GOOD_LINE),
  ]);
  for (const [index, [seat, role, name]] of (
    [
      [chromium, 'client', 'Ben'],
      [firefox, 'host', 'Dr. Ada Okafor'],
    ] as const
  ).entries()) {
    const link = server.link(await server.token('room', role));
    const { origin } = lines[index]!;
    await seat.open(`${link.replace(server.origin, origin)}&name=${encodeURIComponent(name)}`);
  }
  await Promise.all([chromium.meets(1), firefox.meets(1)]);
});

beforeEach(() => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}`);
    console.error(`Chromium:\n${chromium.console.join('\n')}`);
    console.error(`Firefox:\n${firefox.console.join('\n')}`);
  });
});

afterAll(async () => {
  await Promise.allSettled([chromium.close(), firefox.close()]);
  for (const line of lines) line.close();
  await server.stop();
});

async function nothingIsInTheWay(name: string, forcedColors = false): Promise<void> {
  await firefox.evaluate(drawnTwice);
  const folder = process.env['QUIETROOM_SCREENSHOTS'];
  if (folder !== undefined) {
    await firefox.page.screenshot({ path: join(folder, `firefox-${name}.png`) });
  }
  expect(await violations(firefox.page, forcedColors)).toEqual([]);
  expect(await overflowing(firefox.page)).toEqual([]);
  expect(await firefox.evaluate(lowEnd)).toBe(0);
}

/** Has the browser's settings otherwise while `work` is done, and the page know of it. */
async function whilePreferred(
  preferences: Record<string, number>,
  query: string,
  work: () => Promise<void>,
): Promise<void> {
  const isSo = (): Promise<boolean> =>
    firefox.evaluate((asked) => matchMedia(asked).matches, query);
  expect(await isSo()).toBe(false);
  await firefox.configure(preferences);
  try {
    await expect.poll(isSo).toBe(true);
    await work();
  } finally {
    await firefox.forget(Object.keys(preferences));
  }
  await expect.poll(isSo).toBe(false);
}

describe('two people, as Firefox shows them', () => {
  test('the clinic’s own panel is beside the pictures, and letters in it are letters', async () => {
    await firefox.page.setViewport(SIZES.desktop);
    await firefox.evaluate(() => {
      document.querySelector('quiet-room')!.panelLabel = 'My notes';
    });
    await putNotes(firefox.page);
    await user.presses('.own-toggle', 'My notes');
    await user.sees('label[slot=panel] textarea');
    await firefox.page.focus('label[slot=panel] textarea');
    await firefox.page.keyboard.type('mv hl');
    await firefox.page.keyboard.press('Escape');

    await nothingIsInTheWay('own-panel');
    expect(await user.reads('.controls .off')).toEqual([]);
    expect(await user.reads('li.pinned')).toEqual([]);
    expect(await firefox.evaluate(notes)).toEqual({ text: 'mv hl', isBesidePictures: true });
    await user.presses('.own-toggle');
    await user.misses('label[slot=panel] textarea');
    await firefox.evaluate(() => {
      document.querySelector('[slot=panel]')?.remove();
    });
    await user.misses('.own-toggle');
  });

  test('a page’s colours are taken up, as they follow the system’s scheme', async () => {
    await firefox.evaluate((theme) => {
      const colours = theme.map(([name, value]) => `--quiet-room-${name}: ${value};`).join(' ');
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(`@media (prefers-color-scheme: light) { quiet-room { ${colours} } }`);
      document.adoptedStyleSheets = [sheet];
    }, LIGHT);
    const background = (): Promise<string> =>
      firefox.evaluate(
        () => getComputedStyle(document.querySelector('quiet-room')!).backgroundColor,
      );
    await user.presses('.people-toggle');
    await firefox.configure({ [SCHEME]: LIGHT_SCHEME });
    await expect.poll(background).toBe('rgb(255, 255, 255)');
    await nothingIsInTheWay('light');

    await firefox.configure({ [SCHEME]: DARK_SCHEME });
    await expect.poll(background).toBe('rgb(16, 25, 27)');
    await nothingIsInTheWay('dark');
    await firefox.forget([SCHEME]);
    await user.presses('.people-toggle');
    await firefox.evaluate(() => {
      document.adoptedStyleSheets = [];
    });
  });

  test.each(['phone', 'desktop'] as const)(
    'from right to left, and in Spanish, nothing is cut on a %s',
    async (size) => {
      await firefox.page.setViewport(SIZES[size]);
      await speakArabic(firefox.page);
      await user.sees('.controls .microphone', ARABIC_MUTE);
      const [microphone, leave] = await firefox.evaluate(leftOf, [
        '.microphone',
        '.leave',
      ] as const);
      expect(microphone).toBeGreaterThan(leave!);
      await nothingIsInTheWay(`right-to-left-${size}`);

      await firefox.evaluate(speak, 'es');
      await user.sees('.controls .leave', 'Salir');
      await nothingIsInTheWay(`spanish-${size}`);
      await user.presses('.people-toggle');
      await nothingIsInTheWay(`spanish-people-${size}`);
      await user.presses('.people-toggle');
      await firefox.evaluate(speak, 'en');
    },
  );

  test('in high contrast, buttons and who speaks are told by lines', async () => {
    await firefox.page.setViewport(SIZES.desktop);
    await user.presses('.chat-toggle');
    await whilePreferred(HIGH_CONTRAST, '(forced-colors: active)', async () => {
      expect(await firefox.evaluate(borderOf, '.chat-toggle')).toBe('3px');
      expect(await firefox.evaluate(borderOf, '.microphone')).not.toBe('0px');
      await user.sees('.controls .leave');
      await nothingIsInTheWay('high-contrast', true);
      expect(await firefox.evaluate(unreadable)).toEqual([]);
    });
    await user.presses('.chat-toggle');
  });

  test('who wants little motion sees nothing move but people, and else it does', async () => {
    const react = async (seat: Seat): Promise<void> => {
      await seat.evaluate(() => {
        document.querySelector('quiet-room')!.room!.react('👏');
      });
      await user.sees('.reaction', '👏');
      await firefox.page.hover('>>> .controls .microphone');
      await user.presses('.people-toggle');
      await user.presses('.more-toggle');
      await user.presses('.more-toggle');
      await user.presses('.people-toggle');
    };
    await whilePreferred(LITTLE_MOTION, '(prefers-reduced-motion: reduce)', async () => {
      expect(await motions(firefox.page, () => react(firefox))).toEqual([]);
    });

    await user.misses('.reaction');
    expect(await motions(firefox.page, () => react(chromium))).not.toEqual([]);
  });

  test('at twice the size nothing is cut', async () => {
    await firefox.page.setViewport(SIZES.desktop);
    await firefox.zoom(2);
    await expect.poll(() => firefox.evaluate(() => devicePixelRatio)).toBe(2);
    await expect.poll(() => firefox.evaluate(() => innerWidth)).toBe(SIZES.desktop.width / 2);
    await nothingIsInTheWay('twice');
    await user.presses('.people-toggle');
    await nothingIsInTheWay('twice-people');
    await user.presses('.people-toggle');
    await firefox.zoom(1);
    await expect.poll(() => firefox.evaluate(() => innerWidth)).toBe(SIZES.desktop.width);
  });
});

describe('without a network', () => {
  test.each(['Chromium', 'Firefox'] as const)(
    '%s says so, and goes on by itself when there is one',
    async (name) => {
      const [seat, line] =
        name === 'Firefox' ? ([firefox, lines[1]] as const) : ([chromium, lines[0]] as const);
      const person = new User(seat);
      await setOffline(seat, true);
      // What is on the same machine is reached without a network.
      line.become({ ...GOOD_LINE, loss: 1 });
      line.cut();
      await person.sees('.status', 'This device has no network');

      line.become(GOOD_LINE);
      await setOffline(seat, false);
      await person.misses('.status', 'no network');
      await expect.poll(() => seat.evaluate(() => window.observer.connected())).toBe(true);
      await Promise.all([chromium.meets(1), firefox.meets(1)]);
    },
  );
});

describe('six people', () => {
  beforeAll(async () => {
    const pages = new JoinPages(server.origin, 'crowd-page');
    const page = await pages.open(chromium);
    const tokens = await Promise.all(Array.from({ length: 4 }, () => server.token('room')));
    await page.evaluate((all) => window.crowdPage.join(all), tokens);
    for (const seat of [chromium, firefox]) {
      await seat.evaluate(() =>
        document.querySelector('quiet-room')!.room!.localParticipant.setMicrophoneEnabled(false),
      );
    }
  });

  test.each(['Chromium', 'Firefox'] as const)(
    'are all seen in %s, and who speaks is marked and shown large',
    async (name) => {
      const seat = name === 'Firefox' ? firefox : chromium;
      const viewer = new User(seat);
      await seat.meets(5);
      await expect.poll(() => movingPictures(seat), PATIENCE).toBe(5);
      await viewer.presses('.more-toggle');
      await viewer.presses('.more button', 'Show who speaks large');

      const seen = { marked: new Set<string>(), large: new Set<string>() };
      const look = async (): Promise<readonly string[]> => {
        const { marked, large } = await seat.evaluate(watchSpeakers, 1_000);
        for (const one of marked) seen.marked.add(one);
        for (const one of large) seen.large.add(one);
        return [...seen.large].sort();
      };
      await expect.poll(look, PATIENCE).toEqual(expect.arrayContaining(SPEAKERS));
      expect([...seen.marked].sort()).toEqual(SPEAKERS);
      if (name === 'Firefox') await nothingIsInTheWay('speaker-6');
      await viewer.presses('.more-toggle');
      await viewer.presses('.more button', 'Show all alike');
    },
  );

  test.each(['phone', 'tablet', 'desktop'] as const)(
    'and 25 have nothing in the way in Firefox on a %s',
    async (size) => {
      await firefox.page.setViewport(SIZES[size]);
      await nothingIsInTheWay(`${size}-6`);
      expect(await misplacedTiles(firefox.page)).toBe(0);

      await crowd(firefox.page, 24, 'seen');
      await expect.poll(() => firefox.evaluate(picturesShown), PATIENCE).toBe(24);
      await nothingIsInTheWay(`${size}-25`);
      expect(await misplacedTiles(firefox.page)).toBe(0);
      if (size === 'desktop') {
        const [frames] = await firefox.evaluate(watchFrames, MEASURED_MS);
        const quantile = (share: number): string =>
          (frames[Math.floor((frames.length - 1) * share)] ?? NaN).toFixed(1);
        console.log(
          `25 people in Firefox: a frame takes ${quantile(0.5)} ms (median), p95 ${quantile(0.95)} ms`,
        );
      }
      await crowd(firefox.page, 5);
    },
  );
});

function setOffline(seat: Participant | FirefoxParticipant, isOffline: boolean): Promise<void> {
  return seat instanceof Participant
    ? seat.page.context().setOffline(isOffline)
    : seat.setOffline(isOffline);
}

/** How many of the others' pictures are others half a second later. */
async function movingPictures(seat: Seat): Promise<number> {
  const frames = async (): Promise<Map<string, number>> => {
    const remotes = await seat.evaluate(() => window.observer.remotes([], 0));
    return new Map(remotes.map(({ id, picture }) => [id, picture?.frames ?? 0]));
  };
  const before = await frames();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = await frames();
  return [...after].filter(([id, count]) => count > (before.get(id) ?? Infinity)).length;
}

/** Runs in the page: which names are marked as speaking, and which shown large, within so long. */
async function watchSpeakers(
  milliseconds: number,
): Promise<{ readonly marked: string[]; readonly large: string[] }> {
  const { room, shadowRoot } = document.querySelector('quiet-room')!;
  const names = (selector: string): (string | undefined)[] =>
    [...shadowRoot!.querySelectorAll<HTMLElement>(selector)].map(
      ({ dataset }) => room!.participants.find(({ id }) => id === dataset['participant'])?.name,
    );
  const [marked, large] = [new Set<string>(), new Set<string>()];
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    for (const name of names('quiet-room-tile[speaking]')) marked.add(name ?? 'nobody known');
    for (const name of names('li.pinned quiet-room-tile')) large.add(name ?? 'nobody known');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { marked: [...marked], large: [...large] };
}

/** Runs in the page: how many of the others' tiles show a picture. */
function picturesShown(): number {
  const tiles = document
    .querySelector('quiet-room')!
    .shadowRoot!.querySelectorAll('quiet-room-tile[data-participant]');
  return [...tiles].filter((tile) => {
    const video = tile.shadowRoot?.querySelector('video');
    return video != null && video.videoWidth > 0 && !video.paused && video.clientWidth > 0;
  }).length;
}

/** Runs in the page: how far it can be scrolled down, in pixels. */
function lowEnd(): number {
  const { scrollHeight, clientHeight } = document.documentElement;
  return scrollHeight - clientHeight;
}

/** Runs in the page: the layout follows the size in another frame. */
async function drawnTwice(): Promise<void> {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}

/** Runs in the page: what is written, and whether it is where the pictures are not, with the keyboard in it. */
function notes(): { readonly text: string; readonly isBesidePictures: boolean } {
  const field = document.querySelector<HTMLTextAreaElement>('label[slot=panel] textarea')!;
  const pictures = document.querySelector('quiet-room')!.shadowRoot!.querySelector('.grid')!;
  const { left, right } = field.getBoundingClientRect();
  const grid = pictures.getBoundingClientRect();
  const isApart = left >= grid.right || right <= grid.left;
  return { text: field.value, isBesidePictures: isApart && document.activeElement === field };
}

/** Runs in the page. */
function leftOf(selectors: readonly string[]): number[] {
  const root = document.querySelector('quiet-room')!.shadowRoot!;
  return selectors.map(
    (selector) => root.querySelector(`.controls ${selector}`)!.getBoundingClientRect().left,
  );
}

/** Runs in the page. */
function borderOf(selector: string): string {
  const root = document.querySelector('quiet-room')!.shadowRoot!;
  return getComputedStyle(root.querySelector(`.controls ${selector}`)!).borderTopWidth;
}

/** Runs in the page: buttons and fields whose words, or what is said before there are any, are hard to tell from what is behind. */
function unreadable(): string[] {
  const within = (root: ParentNode): Element[] =>
    [...root.querySelectorAll('*')].flatMap((element) => [
      element,
      ...(element.shadowRoot === null ? [] : within(element.shadowRoot)),
    ]);
  const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(colour).map((value) =>
      value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element: Element | null): string => {
    if (element === null) return 'rgb(255, 255, 255)';
    const { backgroundColor } = getComputedStyle(element);
    if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    const root = element.getRootNode();
    const host = root instanceof ShadowRoot ? root.host : null;
    return behind(element.assignedSlot ?? element.parentElement ?? host);
  };
  return within(document)
    .filter((element) => element.matches('button:enabled, textarea, input'))
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .flatMap((element) =>
      (element.matches('button') ? [undefined] : [undefined, '::placeholder']).flatMap((part) => {
        const { color } = getComputedStyle(element, part);
        const [dark = 0, light = 0] = [color, behind(element)].map(luminance).sort((a, b) => a - b);
        const contrast = (light + 0.05) / (dark + 0.05);
        const { localName, className } = element;
        return contrast < 4.5
          ? `${localName}.${className}${part ?? ''}: ${contrast.toFixed(1)}`
          : [];
      }),
    );
}

/** Runs in the page. */
function speak(language: string): void {
  document.querySelector('quiet-room')!.lang = language;
}

const GOOD_LINE = { latency: 0, jitter: 0, loss: 0 };
const PATIENCE = { timeout: SLOWNESS * 20_000 };
/** Of a crowd, who speak in turns. */
const SPEAKERS = ['Person 1', 'Person 2'];
const MEASURED_MS = 3_000;

const SCHEME = 'layout.css.prefers-color-scheme.content-override';
const DARK_SCHEME = 0;
const LIGHT_SCHEME = 1;
/** The system's colours instead of the page's. */
const HIGH_CONTRAST = { 'browser.display.document_color_use': 2 };
const LITTLE_MOTION = { 'ui.prefersReducedMotion': 1 };
