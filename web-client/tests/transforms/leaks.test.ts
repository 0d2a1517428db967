import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { decodeHeader } from '../../src/e2ee/worker/sframe/header';
import { keyIdParts } from '../../src/e2ee/worker/sframe/key-id';
import { TestBrowser } from './browser';
import type { CallOptions } from './call';
import { chromiumThatDumps, DUMP_FLAGS, frameStart, sentPackets } from './rtp-dump';

// What Chromium itself says it sent, in the clear as before SRTP, is held to be SFrame.

const EPOCH = 0x15a;
const LEAVES = [0xab, 0xbc];

let folder: string;
let log: string;
let browser: TestBrowser;
let page: Page;
/** Where in the log the running test begins. */
let logStart: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quietroom-dump-'));
  log = join(folder, 'log');
  browser = await TestBrowser.start(DUMP_FLAGS, await chromiumThatDumps(folder, log));
});

beforeEach(async () => {
  logStart = (await readFile(log, 'utf8')).length;
  page = await browser.open('call.html', 'startCall');
});

afterEach(async () => {
  await page.close();
});

afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

test('all that is sent in a call is encrypted', async () => {
  await startCall({});
  await pause(1_500);

  expectEncryptedMedia(await sentFrames());
});

test('a transform that is set late lets nothing out before', async () => {
  await startCall({ transformsAfter: 700 });
  await pause(2_000);

  expect((await sentFrames()).clear).toBe(0);
});

test('a worker that starts slowly lets nothing out before', async () => {
  await startCall({ workerHangs: 1_500 });
  await pause(2_500);

  expectEncryptedMedia(await sentFrames());
});

test('a worker that is killed in a call takes all media with it', async () => {
  await startCall({});
  await pause(1_000);
  await page.evaluate(() => {
    window.call.killWorker('alice');
    window.call.killWorker('bob');
  });
  await pause(300);
  const before = await sentFrames();
  await pause(1_500);

  expectEncryptedMedia(before);
  expect(await sentFrames()).toEqual(before);
});

test('replaced tracks are encrypted', async () => {
  await startCall({});
  for (let round = 0; round < 4; round++) {
    await page.evaluate(() => window.call.replaceTracks());
    await pause(200);
    await page.evaluate((isAttached) => window.call.attach(isAttached), round % 2 === 1);
    await pause(200);
  }

  expectEncryptedMedia(await sentFrames());
});

test('muted and unmuted tracks are encrypted', async () => {
  await startCall({});
  for (let round = 0; round < 6; round++) {
    await page.evaluate(
      (isMuted) => {
        window.call.mute(isMuted);
      },
      round % 2 === 0,
    );
    await pause(250);
  }

  expectEncryptedMedia(await sentFrames());
});

test('a second picture that is added in a call is encrypted', async () => {
  await startCall({});
  await pause(500);
  await page.evaluate(() => window.call.addCamera());
  await pause(1_500);

  expect((await sentFrames()).clear).toBe(0);
  expect(await sentContexts()).toContain(2);
});

test('a second transform on a sender encrypts as the first did', async () => {
  await startCall({});
  await pause(500);
  for (let round = 0; round < 3; round++) {
    await page.evaluate(() => {
      window.call.transformAgain();
    });
    await pause(400);
  }
  const before = await sentFrames();
  await pause(600);
  const after = await sentFrames();

  expect(after.clear).toBe(0);
  expect(after.encrypted - before.encrypted).toBeGreaterThan(30);
  expect(await repeatedNonces()).toEqual([]);
});

test('a connection without the flag leaks in the same race, so these tests can fail', async () => {
  await startCall({ transformsAfter: 700, heldBack: false });
  await pause(1_000);

  expect((await sentFrames()).clear).toBeGreaterThan(0);
});

async function startCall(options: Partial<CallOptions>): Promise<void> {
  const all: CallOptions = {
    codec: 'VP8',
    transformInterface: 'script-transform',
    heldBack: true,
    transformsAfter: 0,
    workerHangs: 0,
    maxBitrate: 300_000,
    ...options,
  };
  await page.evaluate(
    async ([callOptions, epoch]) => {
      await window.startCall(callOptions);
      window.call.installKeys('alice', { epoch, group: 1 });
      window.call.installKeys('bob', { epoch, group: 1 });
    },
    [all, EPOCH] as const,
  );
}

interface SentFrames {
  readonly clear: number;
  readonly encrypted: number;
}

function expectEncryptedMedia({ clear, encrypted }: SentFrames): void {
  expect(clear).toBe(0);
  expect(encrypted).toBeGreaterThan(50);
}

async function sentFrames(): Promise<SentFrames> {
  const starts = await frameStarts();
  const encrypted = starts.filter((start) => keyOf(start) !== undefined).length;
  return { clear: starts.length - encrypted, encrypted };
}

async function sentContexts(): Promise<number[]> {
  return (await frameStarts()).flatMap((start) => keyOf(start)?.context ?? []);
}

/** Key and counter of frames that have them from a frame before, but other bytes. */
async function repeatedNonces(): Promise<string[]> {
  const seen = new Map<string, string>();
  return (await frameStarts()).flatMap((start) => {
    const { keyId, counter, length } = decodeHeader(start)!;
    const nonce = `${keyId} ${counter}`;
    const bytes = start.subarray(length, length + 16).join(' ');
    const before = seen.get(nonce) ?? bytes;
    seen.set(nonce, bytes);
    return before === bytes ? [] : [nonce];
  });
}

/** What each frame sent since the test began starts with. */
async function frameStarts(): Promise<Uint8Array[]> {
  const codecs = new Map(await page.evaluate(() => window.call.payloadTypes()));
  const sinceStart = (await readFile(log, 'utf8')).slice(logStart);
  return sentPackets(sinceStart).flatMap(({ payloadType, payload }) => {
    const start = frameStart(codecs.get(payloadType) ?? `payload type ${payloadType}`, payload);
    return start ?? [];
  });
}

function keyOf(start: Uint8Array): ReturnType<typeof keyIdParts> {
  const header = decodeHeader(start);
  const parts = header && keyIdParts(header.keyId);
  const isOurs = parts?.epoch === EPOCH % 256 && LEAVES.includes(parts.leaf);
  return isOurs ? parts : undefined;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
