import { chromium, type Browser, type Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolve } from 'node:path';
import type { LoopbackOptions, LoopbackResult } from './loopback';

const NOTHING = { audioPackets: 0, videoPackets: 0, videoFramesDecoded: 0 };

let server: ViteDevServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  server = await createServer({
    root: import.meta.dirname,
    configFile: false,
    logLevel: 'error',
    cacheDir: resolve(import.meta.dirname, '../../node_modules/.vite-transforms'),
    server: {
      host: '127.0.0.1',
      port: 0,
      watch: null,
      hmr: false,
      fs: { allow: [resolve(import.meta.dirname, '../..')] },
    },
  });
  await server.listen();
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
  page = await browser.newPage();
  page.on('pageerror', (error) => {
    console.error(error);
  });
  await page.goto(new URL('page.html', server.resolvedUrls?.local[0]).href);
  await page.waitForFunction(() => 'runLoopback' in window);
});

afterAll(async () => {
  await browser.close();
  await server.close();
});

test.each(['detected', 'encoded-streams'] as const)(
  'every frame of both kinds goes through the worker, both ways (%s)',
  async (transformInterface) => {
    const result = await run({ transformInterface, pictures: 12 });

    expect(result.connected).toBe(true);
    expect(result.counts).toHaveLength(4);
    for (const { kind, direction, frames } of result.counts) {
      expect(frames, `${direction} ${kind}`).toBeGreaterThan(10);
    }
    expect(result.received.videoFramesDecoded).toBeGreaterThan(10);
    const sentVideo = result.counts.find(
      ({ kind, direction }) => kind === 'video' && direction === 'send',
    );
    expect(sentVideo!.frames).toBeGreaterThanOrEqual(result.sent.videoFramesDecoded);
  },
);

test('chromium is driven by the standard interface', async () => {
  const result = await run({ duration: 0 });

  expect(result.transformInterface).toBe('script-transform');
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
    worker: 'pass-through',
    transformInterface: 'detected',
    attachAtOnce: false,
    duration: 1_200,
    pictures: 0,
    ...options,
  } satisfies LoopbackOptions);
}
