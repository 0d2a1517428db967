import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestBrowser } from './browser';
import type { CallOptions, Received, TestKeys } from './call';

let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  browser = await TestBrowser.start();
});

beforeEach(async () => {
  page = await browser.open('call.html', 'startCall');
});

afterEach(async () => {
  await page.close();
});

afterAll(async () => {
  await browser.close();
});

test.each([
  ['VP8', 'script-transform'],
  ['VP9', 'script-transform'],
  ['AV1', 'script-transform'],
  ['VP8', 'encoded-streams'],
] as const)('Opus and %s flow both ways, encrypted (%s)', async (codec, transformInterface) => {
  await startCall({ codec, transformInterface });
  await installKeys({ epoch: 0x1_5a });

  for (const name of ['alice', 'bob'] as const) {
    const received = await receivedWhen(name, ({ framesDecoded }) => framesDecoded > 30);
    expect(received.audioEnergy).toBeGreaterThan(0);
    expect(received.decoder).toBe(`video/${codec}`);
    const counts = await page.evaluate((who) => window.call.counts(who), name);
    expect(counts.map(({ kind }) => kind).sort()).toEqual([
      'receive audio',
      'receive video',
      'send camera',
      'send microphone',
    ]);
    for (const { kind, taken, passed } of counts) {
      expect(taken, kind).toBeGreaterThan(0);
      expect(passed, kind).toBeGreaterThan(taken / 2);
    }
  }
});

test('the page learns by which key each slot’s frames were decrypted', async () => {
  await startCall({});
  await installKeys({ epoch: 0x1_5a });
  await receivedWhen('bob', ({ framesDecoded }) => framesDecoded > 10);

  const reports = await page.evaluate(() => window.call.reports('bob'));

  expect(reports).toContainEqual({
    type: 'sender',
    slot: 1,
    kind: 'video',
    epoch: 0x1_5an,
    leaf: 0xab,
    participantId: undefined,
    context: 1,
  });
  expect(reports).toContainEqual(expect.objectContaining({ type: 'sender', slot: 0, context: 0 }));
});

test('with another group’s key nothing is decoded', async () => {
  await startCall({});
  await page.evaluate(() => {
    window.call.installKeys('alice', { epoch: 1, group: 1 });
    window.call.installKeys('bob', { epoch: 1, group: 2 });
  });

  await receivedWhen('bob', ({ videoPackets }) => videoPackets > 50);
  const received = await receivedWhen('bob', ({ audioPackets }) => audioPackets > 50);

  expect(received.framesDecoded).toBe(0);
  expect(received.audioEnergy).toBe(0);
  const reports = await page.evaluate(() => window.call.reports('bob'));
  expect(reports).toContainEqual({
    type: 'undecryptable',
    slot: 1,
    kind: 'video',
    reason: 'forged',
  });
});

test('without keys nothing is sent, and with late ones it starts by itself', async () => {
  await startCall({});
  await pause(1_500);
  for (const name of ['alice', 'bob'] as const) {
    const before = await received(name);
    expect(before.audioPackets).toBe(0);
    expect(before.framesDecoded).toBe(0);
  }
  await installKeys({ epoch: 1 });

  await receivedWhen('bob', ({ framesDecoded }) => framesDecoded > 10);
  await receivedWhen('alice', ({ framesDecoded }) => framesDecoded > 10);
});

test('a receiver whose keys come late starts by itself', async () => {
  await startCall({});
  await page.evaluate(() => {
    window.call.installKeys('alice', { epoch: 1, group: 1 });
  });
  await receivedWhen('bob', ({ videoPackets }) => videoPackets > 80);
  await page.evaluate(() => {
    window.call.installKeys('bob', { epoch: 1, group: 1 });
  });

  await receivedWhen('bob', ({ framesDecoded }) => framesDecoded > 10, 4_000);
});

// What else computes holds pictures up as well: in one of three tries it does not.
test('media flows on while keys change', { retry: 2 }, async () => {
  await startCall({});
  await installKeys({ epoch: 1 });
  const before = await receivedWhen('bob', ({ framesDecoded }) => framesDecoded > 20);

  for (let epoch = 2; epoch <= 9; epoch++) {
    // The sender is ahead, as when a commit takes its time to the others.
    await page.evaluate((number) => {
      window.call.installKeys('alice', { epoch: number, group: 1 });
    }, epoch);
    await pause(epoch === 9 ? 600 : 80);
    await page.evaluate((number) => {
      window.call.installKeys('bob', { epoch: number, group: 1 });
    }, epoch);
    await pause(300);
  }
  const after = await received('bob');

  expect(after.framesDecoded - before.framesDecoded).toBeGreaterThan(40);
  expect(after.keyFramesDecoded).toBe(before.keyFramesDecoded);
  expect(after.freezeSeconds - before.freezeSeconds).toBeLessThan(1);
  const reports = await page.evaluate(() => window.call.reports('bob'));
  expect(reports.filter(({ type }) => type === 'undecryptable')).toEqual([]);
});

test('a codec whose packetizer reads frames is not sent', async () => {
  const hasH264 = await page.evaluate(() =>
    RTCRtpSender.getCapabilities('video')!.codecs.some(({ mimeType }) => mimeType === 'video/H264'),
  );
  if (!hasH264) return;
  await startCall({ codec: 'H264' });
  await installKeys({ epoch: 1 });

  await receivedWhen('bob', ({ audioPackets }) => audioPackets > 50);

  expect((await received('bob')).framesDecoded).toBe(0);
  const reports = await page.evaluate(() => window.call.reports('alice'));
  expect(reports).toContainEqual(expect.objectContaining({ type: 'unsent', reason: 'codec' }));
});

async function startCall(options: Partial<CallOptions>): Promise<void> {
  await page.evaluate((all) => window.startCall(all), {
    codec: 'VP8',
    transformInterface: 'script-transform',
    heldBack: true,
    transformsAfter: 0,
    workerHangs: 0,
    maxBitrate: 400_000,
    ...options,
  } satisfies CallOptions);
}

async function installKeys({
  epoch,
  group = 1,
}: Partial<TestKeys> & { epoch: number }): Promise<void> {
  await page.evaluate(
    (keys) => {
      window.call.installKeys('alice', keys);
      window.call.installKeys('bob', keys);
    },
    { epoch, group },
  );
}

function received(name: 'alice' | 'bob'): Promise<Received> {
  return page.evaluate((who) => window.call.received(who), name);
}

async function receivedWhen(
  name: 'alice' | 'bob',
  isEnough: (received: Received) => boolean,
  timeout = 10_000,
): Promise<Received> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const now = await received(name);
    if (isEnough(now)) return now;
    if (Date.now() > deadline) throw new Error(`${name} got only ${JSON.stringify(now)}`);
    await pause(100);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
