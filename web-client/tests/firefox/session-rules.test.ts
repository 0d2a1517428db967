import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { violations } from '../browser/appearance';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { FirefoxParticipant } from './firefox';
import { sharePaintedScreen, toneOfScreen } from './painted-screen';
import { SoundDevice } from './sound-device';
import { type Seat, seatAt, User } from './user';

const CONSENT = { version: '2026-11', text: 'I agree to meet by video. Nothing is recorded.' };

let server: Server;
let sound: SoundDevice;
let chromium: Participant;
let firefox: FirefoxParticipant;
/** In another tab of Chromium's. */
let guest: User;
let inChromium: User;
let inFirefox: User;

beforeAll(async () => {
  // Without it, a screen's sound would not be made.
  sound = await SoundDevice.start();
  [server, chromium, firefox] = await Promise.all([
    Server.startWithSessions(),
    Participant.start(RED, { width: 320, height: 180, frames: 15 }),
    FirefoxParticipant.start({ sound }),
  ]);
  await Promise.all([chromium, firefox].map((one) => one.prepare(sharePaintedScreen)));
  guest = new User(seatAt(await chromium.newPage(), 'the guest'));
  inChromium = new User(chromium);
  inFirefox = new User(firefox);
  await server.openSession({ room: 'first', waitingRoom: true, consent: CONSENT });
  await server.openSession({ room: 'second', waitingRoom: true, consent: CONSENT });
  await server.openSession({ room: 'third', waitingRoom: true });
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

describe('a therapist with Firefox', () => {
  test('sees who waits, refuses one, and lets in all', async () => {
    for (const [user, name] of [
      [inChromium, 'Ben'],
      [guest, 'Lou'],
    ] as const) {
      await user.comes(server, 'first', 'client', name);
      await user.presses('.accept');
      await user.sees('.waiting .why', 'not here yet');
    }
    await inFirefox.comes(server, 'first', 'host', 'Dr. Ada Okafor');
    await inFirefox.presses('.accept');
    await inFirefox.presses('.prompt[data-subject=waiting] .primary');
    await inFirefox.sees('.waiting .name', 'Ben');

    await inFirefox.presses('.refuse', 'Lou');
    await guest.sees('.ended h2', 'You were not let in');
    await guest.presses('.rejoin');
    await guest.sees('.waiting .why', 'will let you in');
    await inFirefox.presses('.admit-all');

    await Promise.all([chromium.meets(2), firefox.meets(2)]);
    await inFirefox.misses('.waiting .name');
    await inFirefox.sees('p.consent', 'Agreed to the text, version 2026-11');
    expect(await violations(firefox.page)).toEqual([]);
    await guest.presses('.controls .leave');
    await firefox.meets(1);
  });

  test('mutes somebody, who speaks again of their own will', async () => {
    await muteAndAsk(inFirefox, inChromium, 'Ben');
  });

  test('sees and hears what is shared, and ends it', async () => {
    await shareUntilStopped(inChromium, inFirefox, firefox);
  });

  test('locks the room, and opens it', async () => {
    await inFirefox.presses('button.lock');
    await inChromium.sees('.locked');
    await guest.comes(server, 'first', 'client', 'Kim');
    await guest.sees('.ended', 'The room is locked.');

    await inFirefox.presses('button.lock');
    await inChromium.misses('.locked');
  });

  test('removes somebody for good, once it is confirmed', async () => {
    await inFirefox.presses('button.remove');
    await inFirefox.sees('dialog .confirm');
    await inFirefox.presses('dialog .cancel');
    await inFirefox.misses('dialog .confirm');
    expect(await inChromium.reads('.ended')).toEqual([]);

    await inFirefox.presses('button.remove');
    await inFirefox.presses('dialog .confirm');

    await inChromium.sees('.ended h2', 'You were removed');
    await inChromium.misses('.rejoin');
  });
});

describe('a client with Firefox', () => {
  test('who does not agree does not come in, and who does waits to be let in', async () => {
    await inFirefox.comes(server, 'second', 'client', 'Ben');
    await inFirefox.sees('.consent .text', 'Nothing is recorded');
    expect(await violations(firefox.page)).toEqual([]);
    await inFirefox.presses('.decline');
    await inFirefox.sees('.ended h2', 'You have left');
    await inFirefox.presses('.rejoin');
    await inFirefox.presses('.consent .accept');
    await inFirefox.sees('.waiting .why', 'not here yet');
    await inFirefox.sees('.waiting quiet-room-tile[has-picture]');
    expect(await violations(firefox.page)).toEqual([]);

    await inChromium.comes(server, 'second', 'host', 'Dr. Ada Okafor');
    await inChromium.presses('.accept');
    await inFirefox.sees('.waiting .why', 'will let you in');
    await inChromium.presses('.prompt[data-subject=waiting] .primary');
    expect(await firefox.ids()).toEqual([]);
    await inChromium.presses('.admit');

    await Promise.all([chromium.meets(1), firefox.meets(1)]);
  });

  test('is muted, and speaks again of their own will', async () => {
    await muteAndAsk(inChromium, inFirefox, 'Ben');
  });

  test('shares a screen with its sound, which the therapist ends', async () => {
    await shareUntilStopped(inFirefox, inChromium, chromium);
  });

  test('is told that the room is locked', async () => {
    await inChromium.presses('button.lock');
    await inFirefox.sees('.locked');
    await inChromium.presses('button.lock');
    await inFirefox.misses('.locked');
  });

  test('sees the session end for all, once it is confirmed', async () => {
    await inChromium.presses('button.end');
    await inChromium.presses('dialog .confirm');

    for (const user of [inFirefox, inChromium]) {
      await user.sees('.ended h2', 'The session is over');
      await user.misses('.rejoin');
    }
  });
});

describe('a co-therapist with Firefox', () => {
  test('has more power while the therapist is away', async () => {
    await inChromium.comes(server, 'third', 'host', 'Dr. Ada Okafor');
    await inChromium.sees('.status', 'Nobody else');
    await inFirefox.comes(server, 'third', 'co-host', 'Kim');
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
    await inFirefox.presses('.people-toggle');
    await inFirefox.sees('button.lock');
    expect(await inFirefox.reads('button.end')).toEqual([]);
    await inFirefox.presses('.people-toggle');
    await inChromium.presses('.controls .leave');
    await inFirefox.sees('.prompt[data-subject=hosting]', 'You lead the session');

    await guest.comes(server, 'third', 'client', 'Lou');
    await guest.sees('.waiting .why', 'will let you in');
    await inFirefox.presses('.prompt[data-subject=waiting] .primary');
    await inFirefox.presses('.admit');
    await guest.sees('quiet-room-tile[data-participant][has-picture]');
    await inFirefox.sees('button.end');

    await inChromium.presses('.rejoin');
    await inFirefox.misses('.prompt[data-subject=hosting]');
    await inFirefox.misses('button.end');
  });
});

/** Somebody with power mutes the only other person, and asks that they speak. */
async function muteAndAsk(powerful: User, other: User, name: string): Promise<void> {
  await powerful.presses('.mute-microphone');
  await other.sees('.prompt', 'Dr. Ada Okafor turned off your');
  await other.sees('.controls .microphone', 'Unmute');
  await powerful.presses('.ask-microphone');
  await other.sees('.prompt', 'asks you to turn on');
  expect(await other.reads('.controls .microphone'), name).toEqual(['Unmute']);

  await other.presses('.prompt .primary');

  await powerful.sees('.mute-microphone');
  await other.sees('.controls .microphone', 'Mute');
}

/** Somebody shares a screen, which somebody with power sees, hears and ends. */
async function shareUntilStopped(sharing: User, powerful: User, ears: Seat): Promise<void> {
  await sharing.presses('.controls .screen');
  await powerful.sees('.stage quiet-room-tile[has-picture]');
  await expect.poll(() => ears.evaluate(toneOfScreen), { timeout: 15_000 }).toBeGreaterThan(20);

  await powerful.presses('.stop-share');

  await sharing.sees('.prompt', 'ended the sharing');
  await powerful.misses('.stage');
}
