import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { SIZES, violations } from '../browser/appearance';
import { BadLine } from '../browser/bad-line';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { FirefoxParticipant } from './firefox';
import { type Seat, User } from './user';

let server: Server;
let chromium: Participant;
let firefox: FirefoxParticipant;
let user: User;
/** By which Firefox reaches the server. */
let line: BadLine;

beforeAll(async () => {
  [server, chromium, firefox] = await Promise.all([
    Server.startWithKeys(),
    Participant.start(RED, { width: 320, height: 180, frames: 15 }),
    FirefoxParticipant.start(),
  ]);
  user = new User(firefox);
  line = await BadLine.to(server.origin, { latency: 0, jitter: 0, loss: 0 });
  await firefox.prepare(tellOfHear);
  await chromium.open(`${server.link(await server.token('room', 'host'))}&name=Ada`);
  const link = server.link(await server.token('room')).replace(server.origin, line.origin);
  await firefox.open(`${link}&name=Ben`);
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
  line.close();
  await server.stop();
});

describe('what one sees in Firefox', () => {
  test('is chosen by buttons', async () => {
    await user.presses('.more-toggle');
    await user.presses('.more button', 'Show who speaks large');
    await user.sees('li.pinned');
    await user.presses('.more-toggle');
    await user.presses('.more button', 'Show all alike');
    await user.misses('li.pinned');

    await user.presses('.pin');
    await user.sees('li.pinned');
    await user.presses('.pin');
    await user.misses('li.pinned');

    await user.presses('.more-toggle');
    await user.presses('.more button', 'Hide own picture');
    await user.misses('quiet-room-tile[data-local]');
    await user.presses('.more-toggle');
    await user.presses('.more button', 'Show own picture');
    await user.sees('quiet-room-tile[data-local]');

    await user.presses('.more-toggle');
    await user.presses('.more button', 'Full screen');
    await expect.poll(() => firefox.evaluate(isFullScreen)).toBe(true);
    await user.presses('.more-toggle');
    await user.presses('.more button', 'Leave full screen');
    await expect.poll(() => firefox.evaluate(isFullScreen)).toBe(false);
  });

  test('is in a small window too, with the press of a button', async () => {
    await user.presses('.more-toggle');
    await user.sees('.more button', 'Small window');
    // It takes a press that the browser itself has seen.
    await firefox.click('.more .small-window');
    await expect.poll(() => firefox.evaluate(isOtherInSmallWindow)).toBe(true);

    await user.presses('.more-toggle');
    await user.presses('.more button', 'Close small window');
    await expect.poll(() => firefox.evaluate(isOtherInSmallWindow)).toBe(false);
  });

  test('keys turn on and off what they are said to', async () => {
    const { keyboard } = firefox.page;
    await firefox.evaluate(focusMicrophone);
    await keyboard.press('?');
    await user.sees('dialog', 'Microphone on or off');
    await keyboard.press('Escape');
    await user.misses('dialog');
    for (const [key, on, off] of [
      ['m', '.microphone.off', '.microphone:not(.off)'],
      ['v', '.camera.off', '.camera:not(.off)'],
      ['h', '.hand.on', '.hand:not(.on)'],
      ['p', '.people-toggle[aria-expanded=true]', '.people-toggle[aria-expanded=false]'],
    ] as const) {
      await keyboard.press(key);
      await user.sees(`.controls ${on}`);
      await keyboard.press(key);
      await user.sees(`.controls ${off}`);
    }
    await user.sees('quiet-room-tile[data-local][has-picture]');
    // While one writes, letters are letters.
    await keyboard.press('c');
    await user.sees('textarea');
    await keyboard.type('mv');
    expect(await user.reads('.controls .off')).toEqual([]);
    await keyboard.press('Escape');
  });

  test('has nothing in the way, on a phone and on a desktop', async () => {
    await user.presses('.people-toggle');
    for (const size of [SIZES.phone, SIZES.desktop]) {
      await firefox.page.setViewport(size);
      expect(await violations(firefox.page)).toEqual([]);
    }
    await user.presses('.people-toggle');
  });
});

describe('when things go wrong in Firefox', () => {
  test('a cut socket stops no picture, and what is written meanwhile comes once', async () => {
    await firefox.evaluate(keepWords);
    const ids = await firefox.ids();
    const before = await picturesSeenBy(firefox);
    for (const word of ['one', 'two']) {
      line.cut();
      await chromium.evaluate((text) => {
        document.querySelector('quiet-room')?.room?.sendChat(text);
      }, word);
      await expect
        .poll(() => firefox.evaluate(() => Reflect.get(window, 'heard') as string[]))
        .toContain(word);
    }

    await expect.poll(() => picturesSeenBy(firefox)).toBeGreaterThan(before + 10);
    expect(await firefox.evaluate(() => Reflect.get(window, 'heard') as string[])).toEqual([
      'one',
      'two',
    ]);
    expect(await firefox.ids()).toEqual(ids);
  });

  test('a server that was killed is said to be away, and found again', async () => {
    const ids = await firefox.ids();
    await Promise.all([server.crash(1_000), user.sees('.status', 'Reconnecting')]);

    await user.sees('.status', 'One other person');
    for (const seat of [chromium, firefox]) {
      const isBack = (): Promise<boolean> => seat.evaluate(() => window.observer.connected());
      await expect.poll(isBack, { timeout: 20_000 }).toBe(true);
    }
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
    // What is seen must move, and not be the last picture before.
    for (const seat of [chromium, firefox]) {
      const moves = async (): Promise<number> => {
        const before = await picturesSeenBy(seat);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return (await picturesSeenBy(seat)) - before;
      };
      await expect.poll(moves, { timeout: 20_000 }).toBeGreaterThan(3);
    }
    const packets = await firefox.soundPackets();
    await expect.poll(() => firefox.soundPackets()).toBeGreaterThan(packets + 20);
    expect(await firefox.ids()).toEqual(ids);
  });

  test('a camera that gives no picture any more is told of, until it gives pictures again', async () => {
    await firefox.handleDevices('MuteCamera');
    await user.sees('.prompt', 'Your camera gives no picture');
    await firefox.handleDevices('UnmuteCamera');
    await user.misses('.prompt');
  });

  test('sound and pictures that Firefox refuses to play begin with a press', async () => {
    await firefox.configure({ 'media.autoplay.default': BLOCKED });
    const link = server.link(await server.token('room', 'observer'));
    await firefox.open('about:blank');
    await firefox.open(`${link}&name=Kim`);
    // To look would be taken for a press.
    await expect.poll(() => firefox.console.join(), { timeout: 15_000 }).toContain(HEAR);

    await firefox.click('.hear');

    await user.misses('.hear');
    await expect.poll(() => firefox.evaluate(areVoicesPlaying)).toBe(true);
    await firefox.meets(1);
  });
});

/** How many pictures of the other this one has seen. */
async function picturesSeenBy(seat: Seat): Promise<number> {
  const [remote] = await seat.evaluate(() => window.observer.remotes([], 0));
  return remote?.picture?.frames ?? 0;
}

/** Runs in the page. */
function isFullScreen(): boolean {
  return document.fullscreenElement !== null;
}

/** Runs in the page. */
function isOtherInSmallWindow(): boolean {
  const element = document.querySelector('quiet-room');
  const small = element?.shadowRoot?.pictureInPictureElement as HTMLVideoElement | null | undefined;
  const stream = small?.srcObject as MediaStream | null | undefined;
  const picture = element?.room?.participants[0]?.videoTrack?.mediaStreamTrack;
  return picture !== undefined && stream?.getTracks().includes(picture) === true;
}

/** Runs in the page. */
function focusMicrophone(): void {
  document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector<HTMLElement>('.controls .microphone')
    ?.focus();
}

/** Runs in the page: keeps what is written by others. */
function keepWords(): void {
  const heard: string[] = [];
  Object.assign(window, { heard });
  document.querySelector('quiet-room')?.room?.on('chatMessage', (_, text) => heard.push(text));
}

/** Runs in the page. */
function areVoicesPlaying(): boolean {
  const voices = [...document.querySelector('quiet-room')!.shadowRoot!.querySelectorAll('audio')];
  return voices.length > 0 && voices.every(({ paused }) => !paused);
}

/** Runs in the page before its own scripts: says when the button is there to hear by. */
function tellOfHear(): void {
  const timer = setInterval(() => {
    if (document.querySelector('quiet-room')?.shadowRoot?.querySelector('.hear') == null) return;
    clearInterval(timer);
    console.log('the button to hear by is there');
  }, 50);
}

const HEAR = 'the button to hear by is there';
/** Neither sound nor pictures are played before a press. */
const BLOCKED = 5;
