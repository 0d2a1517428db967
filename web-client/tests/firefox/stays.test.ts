import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { violations } from '../browser/appearance';
import { countSoundPackets, keepConnections } from '../browser/connections';
import { GREEN, Participant } from '../browser/participant';
import { Server } from '../browser/server';
import { keepStatuses, statuses } from '../browser/statuses';
import { FirefoxParticipant } from './firefox';
import { SoundDevice } from './sound-device';
import { type Seat, seatAt, User } from './user';

let server: Server;
let sound: SoundDevice;
let chromium: Participant;
let firefox: FirefoxParticipant;
/** In another tab of Chromium's. */
let guest: User;
let inChromium: User;
let inFirefox: User;
/** What becomes of two in other tabs of Firefox's, whose microphones give nothing and whom nobody touches. */
let idling: Promise<void>;

beforeAll(async () => {
  // Without it, a microphone's level would not be known.
  sound = await SoundDevice.start();
  [server, chromium, firefox] = await Promise.all([
    Server.startWithSessions(),
    Participant.start(GREEN, { width: 320, height: 180, frames: 15 }),
    FirefoxParticipant.start({ sound }),
  ]);
  guest = new User(seatAt(await chromium.newPage(), 'the guest'));
  inChromium = new User(chromium);
  inFirefox = new User(firefox);
  await server.openSession({ room: 'first', waitingRoom: true });
  await server.openSession({ room: 'second', waitingRoom: true });
  await server.openSession({ room: 'idle', waitingRoom: false, inactivityLimitSeconds: 60 });
  await chromium.prepare(keepConnections);
  // Who stays would be the first to be logged off.
  const staying = await idler('who stays');
  const silent = await idler('the silent one');
  await firefox.page.bringToFront();
  idling = idle(silent, staying);
  // It is awaited later.
  idling.catch(() => undefined);
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
  await sound.stop();
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

  test('goes on being heard and seen with another page in front, and is told so after', async () => {
    await Promise.all([chromium, firefox].map((seat) => seat.evaluate(keepStatuses)));
    await chromium.evaluate(keepLosses);
    const other = await firefox.anotherTab();
    await expect.poll(() => firefox.evaluate(() => document.hidden)).toBe(true);
    const since = Date.now();
    const before = await soundPackets();
    const pictures = await picturesOfOther(chromium);
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    const after = await soundPackets();

    const fewest = (Date.now() - since) * LEAST_PACKETS_PER_MS;
    expect(after.map((packets, index) => packets - (before[index] ?? 0) > fewest)).toEqual([
      true,
      true,
    ]);
    expect(await picturesOfOther(chromium)).toBeGreaterThan(pictures + 30);
    expect(await chromium.evaluate(() => Reflect.get(window, 'losses') as number)).toBe(0);
    for (const seat of [chromium, firefox]) expect(await seat.evaluate(statuses)).toEqual([]);
    await other.close();
    await firefox.page.bringToFront();
    await inFirefox.sees('.prompt', 'While this page was in the background, the others could hear');
    await inFirefox.presses('.prompt button');
  });

  test('sees who talks how much, in words, as the client does not', async () => {
    // A second try finds it open.
    if ((await inFirefox.reads('tbody, .pending')).length === 0) await inFirefox.presses('summary');
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

describe('the session’s time in Firefox', () => {
  test('goes on when the page is loaded anew, and begins anew after leaving', async () => {
    await inFirefox.sees('[role=timer]', '0:1');
    await firefox.page.reload();
    await inFirefox.sees('[role=timer]');
    expect(await inFirefox.reads('[role=timer]')).toEqual([expect.not.stringContaining(' 0:0')]);

    await inFirefox.presses('.controls .leave');
    await inFirefox.presses('.rejoin');
    await inFirefox.sees('[role=timer]', ' 0:0');
  });
});

describe('warnings in Firefox', () => {
  test('come before the end of a session, and the end comes', async () => {
    const now = Date.now();
    const [opensAt = '', closesAt = ''] = [now - 60_000, now + 8_000].map((time) =>
      new Date(time).toISOString(),
    );
    await server.openSession({ room: 'short', waitingRoom: false, window: { opensAt, closesAt } });
    await inFirefox.comes(server, 'short', 'client', 'Ben');

    await inFirefox.sees('.prompt[data-subject=ending]', 'ends for all in one minute');
    await inFirefox.sees('.ended h2', 'The session is over');
    await inFirefox.misses('.rejoin');
    // The server reckons in whole seconds.
    expect(Date.now()).toBeGreaterThan(now + 7_000);
  });

  test('come to who is not heard, and to who seems to be away and may stay', async () => {
    await idling;
  }, 100_000);
});

describe('a computer with Firefox that has slept', () => {
  test('is back in the session by itself', async () => {
    await inFirefox.comes(server, 'second', 'host', 'Dr. Ada Okafor');
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
    const ids = await Promise.all([chromium.ids(), firefox.ids()]);
    await firefox.evaluate(keepStatuses);

    await firefox.sleep(ASLEEP_MS);

    await expect
      .poll(() => firefox.evaluate(statuses))
      .toEqual(['This device was asleep. Reconnecting…', 'One other person is here.']);
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
    expect(await Promise.all([chromium.ids(), firefox.ids()])).toEqual(ids);
    for (const seat of [chromium, firefox]) {
      const pictures = await picturesOfOther(seat);
      await expect.poll(() => picturesOfOther(seat)).toBeGreaterThan(pictures + 5);
    }
    const before = await soundPackets();
    await expect.poll(async () => (await soundPackets())[0]).toBeGreaterThan(before[0]! + 20);
    await expect.poll(async () => (await soundPackets())[1]).toBeGreaterThan(before[1]! + 20);
  });
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

/** In another tab of Firefox's, whose microphone gives nothing. */
async function idler(name: string): Promise<User> {
  const page = await firefox.anotherTab();
  await page.evaluateOnNewDocument(giveSilence);
  const user = new User(seatAt(page, name), IDLE);
  await user.comes(server, 'idle', 'client', name);
  await user.sees('.controls .microphone', 'Mute');
  return user;
}

async function idle(silent: User, staying: User): Promise<void> {
  const stay = async (): Promise<void> => {
    await staying.presses('.prompt[data-subject=inactivity] button', 'still here');
    await staying.misses('.prompt[data-subject=inactivity]');
  };
  const beLoggedOff = async (): Promise<void> => {
    await silent.sees('.prompt[data-subject=silence]', 'We can’t hear you');
    await silent.sees('.prompt[data-subject=inactivity]', 'Are you still here?');
    await silent.sees('.ended h2', 'You were logged off');
  };
  await Promise.all([stay(), beLoggedOff()]);
  await staying.sees('.status', 'Nobody else');
}

/** What each has received. */
function soundPackets(): Promise<number[]> {
  return Promise.all([chromium, firefox].map((seat) => seat.evaluate(countSoundPackets)));
}

/** How many pictures of the only other one this one has seen. */
async function picturesOfOther(seat: Seat): Promise<number> {
  const [remote] = await seat.evaluate(() => window.observer.remotes([], 0));
  return remote?.picture?.frames ?? 0;
}

/** Runs in the page: counts how often others are said to have lost the connection. */
function keepLosses(): void {
  Object.assign(window, { losses: 0 });
  const { room } = document.querySelector('quiet-room')!;
  room?.on('participantUpdated', ({ isReconnecting }) => {
    if (isReconnecting) Object.assign(window, { losses: 1 });
  });
  room?.on('participantLeft', () => Object.assign(window, { losses: 1 }));
}

/** Runs in the page before its own scripts: no camera, and a microphone that is switched off. */
function giveSilence(): void {
  // An empty page has no devices.
  if (!('mediaDevices' in navigator)) return;
  navigator.mediaDevices.getUserMedia = (constraints) =>
    constraints?.video
      ? Promise.reject(new DOMException('no camera', 'NotFoundError'))
      : Promise.resolve(new AudioContext().createMediaStreamDestination().stream);
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
/** Long enough to be told of it after. */
const AWAY_MS = 16_000;
/** Of 50 a second; a busy machine loses some. */
const LEAST_PACKETS_PER_MS = 0.025;
/** Longer than what counts as sleep. */
const ASLEEP_MS = 12_000;
/** Longer than the limit of those who do nothing. */
const IDLE = { patienceMs: 75_000, everyMs: 1_000 };
