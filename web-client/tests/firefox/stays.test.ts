import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { violations } from '../browser/appearance';
import { Participant, GREEN } from '../browser/participant';
import { Server } from '../browser/server';
import { FirefoxParticipant } from './firefox';
import { seatAt, User } from './user';

let server: Server;
let chromium: Participant;
let firefox: FirefoxParticipant;
/** In another tab of Chromium's. */
let guest: User;
let inChromium: User;
let inFirefox: User;

beforeAll(async () => {
  [server, chromium, firefox] = await Promise.all([
    Server.startWithSessions(),
    Participant.start(GREEN, { width: 320, height: 180, frames: 15 }),
    FirefoxParticipant.start(),
  ]);
  guest = new User(seatAt(await chromium.newPage(), 'the guest'));
  inChromium = new User(chromium);
  inFirefox = new User(firefox);
  await server.openSession({ room: 'first', waitingRoom: true });
  await server.openSession({ room: 'second', waitingRoom: true });
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
  await server.stop();
});

describe('a client with Firefox', () => {
  test('reads, while waiting, what the therapist writes', async () => {
    await inFirefox.comes(server, 'first', 'client', 'Ben');
    await inChromium.comes(server, 'first', 'host', 'Dr. Ada Okafor');

    await writeToWhoWaits(inChromium, inFirefox);

    expect(await violations(firefox.page)).toEqual([]);
    await inChromium.presses('.admit');
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
  });

  test('tells the therapist where help would have to go, and nobody else', async () => {
    await guest.comes(server, 'first', 'client', 'Lou');
    await inChromium.presses('.admit', 'Lou');
    await guest.presses('.people-toggle');

    await tellForEmergency(inFirefox, inChromium);

    expect(await guest.reads('.who .name')).toHaveLength(3);
    expect(await guest.reads('.emergency')).toEqual([]);
  });

  test('is not shown who talks how much, as the therapist is', async () => {
    await inChromium.sees('summary');
    expect(await inFirefox.reads('.who .name')).toHaveLength(3);
    expect(await inFirefox.reads('quiet-room-talk-time')).toEqual([]);
  });
});

describe('an observer with Firefox', () => {
  test('sees and hears all, has nothing to be seen or heard by, and is seen to be there', async () => {
    await inFirefox.comes(server, 'first', 'observer', 'Kim');
    await inChromium.presses('.admit', 'Kim');

    await inFirefox.sees('.observing', 'neither see nor hear you');
    await firefox.meets(2);
    const packets = await firefox.soundPackets();
    await expect.poll(() => firefox.soundPackets()).toBeGreaterThan(packets + 20);
    for (const user of [inChromium, guest]) {
      await user.sees('figure .note', 'Observer');
    }
    expect(await chromium.ids()).toHaveLength(2);
    expect(await chromium.evaluate(() => window.observer.pictures())).toBe(1);
    expect(await firefox.evaluate(openDevices)).toBe(0);
    expect(await inFirefox.reads('.microphone, .camera, .screen')).toEqual([]);
    expect(await violations(firefox.page)).toEqual([]);
  });

  test('has neither powers nor a place to be helped at', async () => {
    await inFirefox.presses('.people-toggle');
    await inFirefox.sees('.who .name', 'Ada');
    for (const nothing of POWERS) expect(await inFirefox.reads(nothing), nothing).toEqual([]);
    await inFirefox.presses('.controls .leave');
    await inChromium.misses('figure .note', 'Observer');
  });
});

describe('a therapist with Firefox', () => {
  test('writes to who waits', async () => {
    await inChromium.comes(server, 'second', 'client', 'Ben');
    await inFirefox.comes(server, 'second', 'host', 'Dr. Ada Okafor');

    await writeToWhoWaits(inFirefox, inChromium);

    expect(await violations(firefox.page)).toEqual([]);
    await inFirefox.presses('.admit');
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
  });

  test('learns where help would have to go', async () => {
    await tellForEmergency(inChromium, inFirefox);
    expect(await violations(firefox.page)).toEqual([]);
  });

  test('sees who talks how much, in words, as the client does not', async () => {
    await inFirefox.presses('summary');
    await inFirefox.sees('tbody th', 'Dr. Ada Okafor (you)');
    expect(await inFirefox.reads('tbody tr')).toEqual([
      // A tone that never pauses is no voice.
      'Dr. Ada Okafor (you) Hardly any',
      'Ben Nearly all',
    ]);
    expect(await inChromium.reads('quiet-room-talk-time')).toEqual([]);
    expect(await violations(firefox.page)).toEqual([]);
  });
});

describe('keys in Firefox', () => {
  test('are letters while one writes', async () => {
    await inFirefox.presses('.controls .chat-toggle');
    await inFirefox.writes('textarea', 'mvhlsf?');
    expect(await firefox.evaluate(written)).toBe('mvhlsf?');
    expect(await inFirefox.reads('.controls .off, .controls .hand.on, dialog')).toEqual([]);
    await inFirefox.presses('.controls .chat-toggle');
  });

  test('are turned off for good, and on again', async () => {
    await useKeys(false);
    await inFirefox.comes(server, 'second', 'host', 'Dr. Ada Okafor');
    await firefox.meets(1);
    await press('m');
    // Whatever a key does is done before the answer to the next question.
    expect(await inFirefox.reads('.controls .off')).toEqual([]);

    await useKeys(true);
    await press('m');
    await inFirefox.sees('.controls .microphone.off');
    await press('m');
    await inFirefox.misses('.controls .microphone.off');
  });

  async function useKeys(areUsed: boolean): Promise<void> {
    await inFirefox.presses('.more-toggle');
    await inFirefox.presses('.more button', 'Keyboard shortcuts');
    await inFirefox.sees('dialog input[type=checkbox]');
    await inFirefox.presses('dialog input[type=checkbox]');
    expect(await firefox.evaluate(() => localStorage.getItem('quietroom.shortcuts'))).toBe(
      areUsed ? 'on' : 'off',
    );
    await inFirefox.presses('dialog .close');
  }

  async function press(key: 'm'): Promise<void> {
    await firefox.evaluate(focusCamera);
    await firefox.page.keyboard.press(key);
  }
});

/** Who waits is let in by nobody yet, and reads what somebody with power writes. */
async function writeToWhoWaits(powerful: User, waiting: User): Promise<void> {
  await waiting.sees('.waiting .why', 'will let you in');
  await powerful.presses('.prompt[data-subject=waiting] .primary');
  await powerful.writes('#tell', 'Five minutes, please.');
  await powerful.presses('.tell button');
  await powerful.sees('.tell [role=status]', 'Sent.');
  await waiting.sees('.waiting .note', 'Okafor: Five minutes, please.');
  expect(server.output.join('')).not.toMatch(/Ben|Okafor|Five minutes/);
}

/** The panel with the people is open at the therapist's, and closed at the client's. */
async function tellForEmergency(client: User, therapist: User): Promise<void> {
  await client.presses('.people-toggle');
  await client.writes('[name=place]', 'Mill Lane 5');
  await client.writes('[name=contact]', 'Zoe, 555 0100');
  await client.presses('button', 'Tell the therapist');
  await client.sees('.told');
  await therapist.sees('.emergency', 'Mill Lane 5');
  await therapist.sees('.emergency', 'Zoe, 555 0100');
  expect(server.output.join('')).not.toMatch(/Mill Lane|555 0100/);
}

/** Runs in the page. */
function openDevices(): number {
  const { audioTrack, videoTrack } = document.querySelector('quiet-room')!.room!.localParticipant;
  return [audioTrack, videoTrack].filter((track) => track !== undefined).length;
}

/** Runs in the page. */
function written(): string | undefined {
  const chat = document.querySelector('quiet-room')?.shadowRoot?.querySelector('quiet-room-chat');
  return chat?.shadowRoot?.querySelector('textarea')?.value;
}

/** Runs in the page. */
function focusCamera(): void {
  document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector<HTMLElement>('.controls .camera')
    ?.focus();
}

const POWERS = [
  'quiet-room-session-controls',
  '.actions',
  'quiet-room-talk-time',
  'quiet-room-emergency',
  '.consent',
];
