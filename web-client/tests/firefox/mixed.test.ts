import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { TAG_LENGTH } from '../../src/e2ee/worker/sframe/cipher';
import { decodeHeader } from '../../src/e2ee/worker/sframe/header';
import { CONTEXTS, keyIdParts } from '../../src/e2ee/worker/sframe/key-id';
import { violations } from '../browser/appearance';
import type { Attendee } from '../browser/attendee';
import type { Remote } from '../browser/observer';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { frameStart, packetsSentByFirefox } from '../transforms/rtp-dump';
import { FirefoxParticipant, type Sender } from './firefox';

describe('Chromium and Firefox in one room', () => {
  let server: Server | undefined;
  let chromium: Participant | undefined;
  let firefox: FirefoxParticipant | undefined;
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quietroom-firefox-'));
    server = await Server.start();
    chromium = await Participant.start(RED);
    firefox = await FirefoxParticipant.start({
      frequency: FIREFOX_HZ,
      log: join(folder, 'log'),
      leastBitrate: 5_000_000,
    });
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server?.output.join('') ?? ''}`);
      console.error(`Chromium:\n${chromium?.console.join('\n') ?? ''}`);
      console.error(`Firefox:\n${firefox?.console.join('\n') ?? ''}`);
    });
  });

  afterAll(async () => {
    await Promise.allSettled([chromium?.close(), firefox?.close()]);
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('see and hear each other', async () => {
    const link = server?.printedLink ?? '';
    await chromium?.open(link);
    // Past the green room only by a press, once the own picture is there.
    await firefox?.open(link.replace('&green-room=skip', ''));
    await expect.poll(() => firefox?.evaluate(pressJoin), POLL).toBe(true);
    await Promise.all([chromium?.meets(1), firefox?.meets(1)]);
    // Without a sound device Firefox plays nothing, so its ears are its packet counts.
    await expect.poll(async () => whoIsSeen(await firefox?.remotes([])), POLL).toBe('red');
    const sound = (await firefox?.soundPackets()) ?? 0;
    await chromium?.page.waitForTimeout(1_000);
    expect(((await firefox?.soundPackets()) ?? 0) - sound).toBeGreaterThan(30);

    await expect
      .poll(() => chromium?.page.evaluate(listen, [FIREFOX_HZ, UNPLAYED_HZ]), POLL)
      .toBe(true);
    const before = await frames(chromium);
    await chromium?.page.waitForTimeout(2_000);
    expect((await frames(chromium)) - before).toBeGreaterThan(10);
  });

  test('nothing plain has left Firefox', async () => {
    const sender = await firefox?.sender();
    // Its log is written with a delay.
    await expect
      .poll(async () => (await sentByFirefox(folder, sender)).length, POLL)
      .toBeGreaterThan(100);
    const sent = await sentByFirefox(folder, sender);
    expect(sent.filter(({ isOwn }) => !isOwn)).toEqual([]);
    const codecs = [...new Set(sent.map(({ codec }) => codec))].sort();
    expect(codecs).toEqual(['audio/opus', 'video/VP8']);
    // Of which sizes its voice's packets are must tell nothing (RFC 6562).
    const sizes = sent.filter(({ codec }) => codec === 'audio/opus').map(({ length }) => length);
    const even = sizes.filter((size) => size === sizes.at(-1));
    console.log(
      `${sent.length} frames left Firefox, all encrypted; of ${sizes.length} of sound ` +
        `${even.length} are of ${sizes.at(-1)} bytes`,
    );
    expect(even.length).toBeGreaterThan(0.95 * sizes.length);
  });

  test('use the room together: words, a hand, a reaction, one code, keys', async () => {
    const page = firefox!.page;
    const shows = (who: Attendee | undefined, selector: string): Promise<string | undefined> =>
      who!.evaluate(look, { selector, isPress: false });
    const press = (who: Attendee | undefined, selector: string): Promise<string | undefined> =>
      who!.evaluate(look, { selector, isPress: true });

    await press(firefox, '.chat-toggle');
    await expect.poll(() => shows(firefox, 'textarea'), POLL).toBe('');
    await page.keyboard.type('Hello from here');
    await page.keyboard.press('Enter');
    await expect.poll(() => shows(chromium, '.chat-toggle .badge'), POLL).toBe('1');
    await page.keyboard.press('Escape');
    await expect.poll(() => shows(firefox, '.panel'), POLL).toBeUndefined();

    await press(firefox, '.controls .hand');
    await expect.poll(() => shows(chromium, 'figcaption .hand'), POLL).toBe('');
    await press(chromium, '.controls .react');
    await expect.poll(() => shows(chromium, '.reactions button'), POLL).toBe('👍');
    await press(chromium, '.reactions button');
    await expect.poll(() => shows(firefox, 'figure .reaction'), POLL).toBe('👍');

    for (const who of [chromium, firefox]) await press(who, '.people-toggle');
    await expect.poll(() => shows(firefox, 'p.code'), POLL).toMatch(/\d{5}/);
    expect(await shows(firefox, 'p.code')).toBe(await shows(chromium, 'p.code'));
    expect(await violations(page)).toEqual([]);

    await page.keyboard.press('Escape');
    await page.keyboard.press('l');
    await expect.poll(() => shows(firefox, 'li.pinned [data-participant]'), POLL).toBeDefined();
    await page.keyboard.press('s');
    await expect.poll(() => shows(firefox, '.grid [data-local]'), POLL).toBeUndefined();
    await page.keyboard.press('s');
    await page.keyboard.press('l');
    await expect.poll(() => shows(firefox, 'li.pinned'), POLL).toBeUndefined();
    await page.keyboard.press('f');
    const isFull = (): Promise<boolean> => page.evaluate(() => document.fullscreenElement !== null);
    await expect.poll(isFull, POLL).toBe(true);
    await page.keyboard.press('f');
    await expect.poll(isFull, POLL).toBe(false);
  });
});

/** A frame that left Firefox, and whether it is an SFrame of its own. */
interface Sent {
  readonly codec: string;
  readonly isOwn: boolean;
  /** Bytes before encryption, if it is of sound. */
  readonly length: number;
}

async function sentByFirefox(folder: string, sender: Sender | undefined): Promise<Sent[]> {
  const codecs = new Map(sender?.codecs);
  // Each of its processes has a file.
  const files = await readdir(folder);
  const logs = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return logs.flatMap(packetsSentByFirefox).flatMap(({ payloadType, payload }): Sent[] => {
    const codec = codecs.get(payloadType) ?? `payload type ${payloadType}`;
    if (codec === 'video/rtx') return [];
    const start = frameStart(codec, payload);
    if (start === undefined) return [];
    const length = start.length - (decodeHeader(start)?.length ?? 0) - TAG_LENGTH;
    return [{ codec, isOwn: isOwn(start, codec, sender), length }];
  });
}

function isOwn(start: Uint8Array, codec: string, sender: Sender | undefined): boolean {
  const header = decodeHeader(start);
  const parts = header && keyIdParts(header.keyId);
  if (parts === undefined || sender === undefined) return false;
  const context = codec.startsWith('audio/') ? CONTEXTS.microphone : CONTEXTS.camera;
  return parts.context === context && parts.leaf === sender.leaf && parts.epoch <= sender.epoch;
}

/** Runs in the page: joins if the green room has the own picture and lists the devices. */
function pressJoin(): boolean {
  const green = document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-green-room')?.shadowRoot;
  const hasPicture = green?.querySelector('quiet-room-tile[has-picture]') != null;
  const options = green
    ?.querySelector('quiet-room-devices')
    ?.shadowRoot?.querySelectorAll('#camera option').length;
  if (!hasPicture || (options ?? 0) < 2) return false;
  green.querySelector<HTMLElement>('.join')?.click();
  return true;
}

/**
 * Runs in the page: the words of the first element that a selector finds in the
 * document or a shadow tree, nothing where there is none; and presses it if wanted.
 */
function look({ selector, isPress }: { selector: string; isPress: boolean }): string | undefined {
  const trees: (Document | ShadowRoot)[] = [document];
  for (const tree of trees) {
    for (const { shadowRoot } of tree.querySelectorAll('*')) {
      if (shadowRoot !== null) trees.push(shadowRoot);
    }
  }
  const [found] = trees.flatMap((tree) => tree.querySelector<HTMLElement>(selector) ?? []);
  if (isPress) found?.click();
  return found?.textContent.replace(/\s+/g, ' ').trim();
}

/** The colour of the only other, by name if it is red. */
function whoIsSeen(remotes: Remote[] | undefined): string {
  const [red, green, blue] = remotes?.[0]?.picture?.colour ?? [0, 0, 0];
  return red > 130 && green < 90 && blue < 90 ? 'red' : `${red}, ${green}, ${blue}`;
}

/** Runs in the page: whether the only other is heard at the first of two frequencies. */
async function listen([played, unplayed]: number[]): Promise<boolean> {
  const [remote] = await window.observer.remotes([played ?? 0, unplayed ?? 0], 1_500);
  const [level = -200, noise = -200] = remote?.sound?.levels ?? [];
  return level > -70 && level > noise + 10;
}

async function frames(participant: Participant | undefined): Promise<number> {
  const [remote] = (await participant?.remotes()) ?? [];
  return remote?.picture?.frames ?? 0;
}

const FIREFOX_HZ = 700;
const UNPLAYED_HZ = 1700;
const POLL = { timeout: 20_000 };
