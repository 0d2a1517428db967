import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestBrowser } from './browser';
import type { LoopbackOptions, LoopbackResult } from './loopback';

const NOTHING = { audioPackets: 0, videoPackets: 0, videoFramesDecoded: 0 };

let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  browser = await TestBrowser.start();
  page = await browser.open('loopback.html', 'runLoopback');
});

afterAll(async () => {
  await browser.close();
});

test('chromium is driven by the standard interface', async () => {
  const result = await run({ duration: 0 });

  expect(result.transformInterface).toBe('script-transform');
});

test('a worker without keys lets nothing out and nothing in', async () => {
  const result = await run({});

  expect(result.connected).toBe(true);
  expect(result.workerReady).toBe(true);
  expect(result.sent).toEqual(NOTHING);
  expect(result.received.videoFramesDecoded).toBe(0);
});

test('a worker that never gets ready lets nothing out and nothing in', async () => {
  const result = await run({ worker: 'never-ready' });

  expect(result.connected).toBe(true);
  expect(result.sent).toEqual(NOTHING);
  expect(result.received.videoFramesDecoded).toBe(0);
});

test('a track attached before the worker is ready is not sent', async () => {
  const result = await run({ worker: 'never-ready', attachAtOnce: true });

  expect(result.connected).toBe(true);
  expect(result.sent).toEqual(NOTHING);
});

test('a forgotten transform lets nothing out of a connection of ours', async () => {
  const result = await run({ worker: 'none', attachAtOnce: true });

  expect(result.connected).toBe(true);
  expect(result.sent).toEqual(NOTHING);
});

test('without the flag the same mistake would leak, so these tests can fail', async () => {
  const result = await run({ worker: 'none', attachAtOnce: true, heldBack: false });

  expect(result.sent.videoPackets).toBeGreaterThan(0);
});

function run(options: Partial<LoopbackOptions>): Promise<LoopbackResult> {
  return page.evaluate((all) => window.runLoopback(all), {
    heldBack: true,
    worker: 'without-keys',
    transformInterface: 'detected',
    attachAtOnce: false,
    duration: 1_200,
    ...options,
  } satisfies LoopbackOptions);
}
