import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';

import { SIZES, violations } from '../browser/appearance';
import { Server } from '../browser/server';
import { FirefoxParticipant } from './firefox';
import { SoundDevice } from './sound-device';
import { User } from './user';

let server: Server;
let sound: SoundDevice;
let firefox: FirefoxParticipant;
let person: User;

beforeAll(async () => {
  // A level is only measured where there is something to play by.
  sound = await SoundDevice.start();
  [server, firefox] = await Promise.all([
    Server.startWithKeys(),
    FirefoxParticipant.start({ sound }),
  ]);
  person = new User(firefox);
});

beforeEach(() => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}\npage:\n${firefox.console.join('\n')}`);
  });
});

afterAll(async () => {
  await firefox.close();
  await sound.stop();
  await server.stop();
});

async function visit(): Promise<void> {
  await person.visit(`${server.origin}/#token=${await server.token('green')}`);
}

/** At the size of a phone, and of a desktop in the end. */
async function nothingIsInTheWay(): Promise<void> {
  for (const size of [SIZES.phone, SIZES.desktop]) {
    await firefox.page.setViewport(size);
    expect(await violations(firefox.page)).toEqual([]);
  }
}

test('one sees oneself, the bar moves with the voice, and nothing is in the way', async () => {
  await visit();
  await person.sees('quiet-room-tile[has-picture]');
  await person.sees('[role=status]', 'Your microphone works');
  await expect.poll(() => firefox.evaluate(shownLevel)).toBeGreaterThan(0.1);
  await nothingIsInTheWay();
});

test('a chosen camera is there at the next visit', async () => {
  await expect.poll(() => firefox.evaluate(chooseCamera)).not.toBe('');
  const chosen = await firefox.evaluate(pickedCamera);
  await expect.poll(() => firefox.evaluate(openCamera)).toBe(chosen);

  await visit();

  await person.sees('quiet-room-tile[has-picture]');
  await expect.poll(() => firefox.evaluate(pickedCamera)).toBe(chosen);
  expect(await firefox.evaluate(openCamera)).toBe(chosen);
});

test('loudspeaker and connection are tried by a press', async () => {
  await person.presses('.chime');
  await person.presses('.check');

  await person.sees('[role=status]', 'three tones');
  await person.sees('[role=status]', 'Your connection works');
});

test('by keyboard, with a name and without a camera, one comes in', async () => {
  const { keyboard } = firefox.page;
  await firefox.evaluate(focusInGreenRoom, '#name');
  await keyboard.type('Ada');
  await firefox.evaluate(focusInGreenRoom, '.without-camera');
  await keyboard.press('Enter');

  await person.sees('.status', 'Nobody else');
  const { name, cameraEnabled, microphoneEnabled } = await firefox.evaluate(() => {
    const { name, cameraEnabled, microphoneEnabled } =
      document.querySelector('quiet-room')!.room!.localParticipant;
    return { name, cameraEnabled, microphoneEnabled };
  });
  expect({ name, cameraEnabled, microphoneEnabled }).toEqual({
    name: 'Ada',
    cameraEnabled: false,
    microphoneEnabled: true,
  });
  await nothingIsInTheWay();
});

test('whom Firefox refuses the devices is told how to allow them, and may come in without', async () => {
  await firefox.configure(devicesBy(FORBIDDEN));
  await visit();
  await person.sees('.problems', 'camera');
  await person.sees('.problems li', 'crossed-out camera or microphone in the address bar');
  await person.sees('.problems li', 'Choose “Allow” when Firefox asks.');
  await nothingIsInTheWay();
  await person.misses('.without-camera');
  await person.presses('.join');
  await person.sees('.status', 'Nobody else');

  await firefox.configure(devicesBy(ALLOWED));
  await visit();

  await person.sees('quiet-room-tile[has-picture]');
  await person.misses('.problems p');
});

/** Settings by which nobody is asked, since nobody could answer, and devices are allowed or not. */
function devicesBy(permission: number): Record<string, boolean | number> {
  return {
    'media.navigator.permission.disabled': false,
    'permissions.default.camera': permission,
    'permissions.default.microphone': permission,
  };
}

const ALLOWED = 1;
const FORBIDDEN = 2;

/** Runs in the page: how full the bar is, of 1. */
function shownLevel(): number {
  const green = document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-green-room')?.shadowRoot;
  const bar = green?.querySelector('quiet-room-level')?.shadowRoot?.querySelector('.level');
  if (bar == null) return 0;
  return bar.getBoundingClientRect().width / (bar.parentElement?.clientWidth ?? 1);
}

/** Runs in the page: chooses the last camera in the list, and gives its id. */
function chooseCamera(): string {
  const select = document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-green-room')
    ?.shadowRoot?.querySelector('quiet-room-devices')
    ?.shadowRoot?.querySelector<HTMLSelectElement>('#camera');
  if (select == null || select.options.length < 2) return '';
  select.selectedIndex = select.options.length - 1;
  select.dispatchEvent(new Event('change'));
  return select.value;
}

/** Runs in the page. */
function pickedCamera(): string | undefined {
  return document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-green-room')
    ?.shadowRoot?.querySelector('quiet-room-devices')
    ?.shadowRoot?.querySelector<HTMLSelectElement>('#camera')?.value;
}

/** Runs in the page. */
function openCamera(): string | undefined {
  return document
    .querySelector('quiet-room')
    ?.room?.localParticipant.videoTrack?.mediaStreamTrack.getSettings().deviceId;
}

/** Runs in the page. */
function focusInGreenRoom(selector: string): void {
  document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-green-room')
    ?.shadowRoot?.querySelector<HTMLElement>(selector)
    ?.focus();
}
