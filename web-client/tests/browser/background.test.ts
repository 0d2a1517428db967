import { launch, type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { keepChronicle } from './chronicle';
import { CHROMIUM, CHROMIUM_FLAGS } from './participant';
import { Server } from './server';

let server: Server;
let browser: Browser;
/** Is behind the other one. */
let away: Page;
let front: Page;

beforeAll(async () => {
  server = await Server.startWithKeys();
  // Pages of the other driver are never in the background.
  browser = await launch({
    executablePath: CHROMIUM,
    args: [...CHROMIUM_FLAGS, SLOW_TIMERS],
    ignoreDefaultArgs: NEVER_SLOW,
  });
  [away, front] = await Promise.all([browser.newPage(), browser.newPage()]);
  for (const page of [away, front]) {
    await page.evaluateOnNewDocument(keepChronicle);
    await page.evaluateOnNewDocument(keepLocks);
    await page.bringToFront();
    await page.goto(server.link(await server.token('background')));
    await page.waitForFunction(() => window.chronicle.id());
  }
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

/** How many frames of whoever is away are seen. */
function frames(): Promise<number> {
  return front.evaluate(() => window.chronicle.tiles()[0]?.frames ?? 0);
}

async function framesInASecond(): Promise<number> {
  const before = await frames();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return (await frames()) - before;
}

test('a page in the background stays in the session, and comes back there when it was lost', async () => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}`);
  });
  await expect.poll(frames).toBeGreaterThan(0);
  await expect.poll(() => away.evaluate(() => document.hidden)).toBe(true);
  await away.evaluate(() => {
    const states: string[] = [];
    Object.assign(window, { states });
    document.querySelector('quiet-room')?.room?.on('stateChanged', (state) => states.push(state));
  });
  const states = (): Promise<unknown> =>
    away.evaluate(() => Reflect.get(window, 'states') as unknown);
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
  expect(await states()).toEqual([]);
  await expect.poll(framesInASecond).toBeGreaterThan(0);

  await server.crash(DOWN_MS);
  const up = Date.now();
  await expect.poll(states, { timeout: 30_000 }).toContain('connected');
  console.log(`back ${Date.now() - up} ms after the server, in the background`);
  expect(await away.evaluate(() => document.hidden)).toBe(true);
  await front.waitForFunction(() => window.chronicle.id());
  await expect.poll(framesInASecond, { timeout: 20_000 }).toBeGreaterThan(0);
});

test('the screen is kept on by the page in front, until it leaves', async () => {
  await expect.poll(() => held(front)).toBe(1);
  expect(await held(away)).toBe(0);

  await away.bringToFront();
  await expect.poll(() => held(away)).toBe(1);
  await expect.poll(() => held(front)).toBe(0);

  await away.evaluate(() => document.querySelector('quiet-room')?.room?.leave());
  await expect.poll(() => held(away)).toBe(0);
});

/** Runs in the page: keeps what it was given by which the screen stays on. */
function keepLocks(): void {
  const { wakeLock } = navigator;
  const request = wakeLock.request.bind(wakeLock);
  const locks: WakeLockSentinel[] = [];
  Object.assign(window, { locks });
  wakeLock.request = async (type) => {
    const lock = await request(type);
    locks.push(lock);
    return lock;
  };
}

function held(page: Page): Promise<number> {
  return page.evaluate(() => {
    const locks = Reflect.get(window, 'locks') as WakeLockSentinel[];
    return locks.filter(({ released }) => !released).length;
  });
}

/** As after minutes in the background, where the browser takes the page for one that may rest. */
const SLOW_TIMERS = '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1';
/** What the driver gives so that pages in the background are as quick as others. */
const NEVER_SLOW = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];
/** Longer than a silence that counts as a lost connection. */
const AWAY_MS = 20_000;
/** Several attempts come too early. */
const DOWN_MS = 3_000;
