import { beforeEach, expect, test } from 'vitest';
import { DeviceChoices, type DeviceInventory } from './device-choices';

let stored: Map<string, string>;
let plugged: Partial<MediaDeviceInfo>[];

const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => {
    stored.set(key, value);
  },
};
const inventory: DeviceInventory = {
  enumerateDevices: () => Promise.resolve(plugged as MediaDeviceInfo[]),
};

const HEADSET = { kind: 'audioinput', deviceId: 'h1', label: 'Headset', groupId: 'one' } as const;
const BUILT_IN = { kind: 'audioinput', deviceId: 'b1', label: 'Built-in' } as const;
const CAMERA = { kind: 'videoinput', deviceId: 'c1', label: 'Camera' } as const;

beforeEach(() => {
  stored = new Map();
  plugged = [HEADSET, BUILT_IN, CAMERA];
});

/** Another visit to the page. */
function visit(): DeviceChoices {
  return new DeviceChoices(inventory, storage);
}

test('nothing is chosen until the person has', async () => {
  expect(await visit().find('microphone')).toBeUndefined();
});

test('a choice is there at the next visit, and for its own kind only', async () => {
  visit().choose('microphone', { id: 'h1', label: 'Headset' });

  expect(await visit().find('microphone')).toBe('h1');
  expect(await visit().find('camera')).toBeUndefined();
});

test('a device that got another id is known by its name', async () => {
  visit().choose('microphone', { id: 'h1', label: 'Headset' });
  plugged = [BUILT_IN, { ...HEADSET, deviceId: 'h2' }];

  expect(await visit().find('microphone')).toBe('h2');
});

test('one that is not there is not asked for, and wanted again when it is back', async () => {
  visit().choose('microphone', { id: 'h1', label: 'Headset' });
  plugged = [BUILT_IN];
  expect(await visit().find('microphone')).toBeUndefined();

  plugged = [BUILT_IN, HEADSET];

  expect(await visit().find('microphone')).toBe('h1');
});

test('devices without names are not taken for one another', async () => {
  visit().choose('microphone', { id: 'gone', label: '' });
  plugged = [{ ...HEADSET, label: '' }];

  expect(await visit().find('microphone')).toBeUndefined();
});

test('a choice can be taken back', async () => {
  visit().choose('microphone', { id: 'h1', label: 'Headset' });
  visit().choose('microphone', undefined);

  expect(await visit().find('microphone')).toBeUndefined();
});

test('the list has each device once', async () => {
  plugged = [
    { ...HEADSET, deviceId: 'default', label: 'Default - Headset' },
    HEADSET,
    { ...CAMERA, deviceId: '' },
  ];

  expect(await visit().list()).toEqual([
    { kind: 'microphone', id: 'h1', label: 'Headset', group: 'one' },
  ]);
});

test.each(['', 'null', '[]', '{', '{"microphone":5}', '{"microphone":{"id":1,"label":""}}', '"x"'])(
  'stored %j is no choice',
  async (text) => {
    stored.set('quietroom.devices', text);

    expect(await visit().find('microphone')).toBeUndefined();
  },
);

test('a storage that refuses keeps the choice for this visit', async () => {
  const refuse = (): never => {
    throw new DOMException('', 'QuotaExceededError');
  };
  const choices = new DeviceChoices(inventory, { getItem: refuse, setItem: refuse });

  choices.choose('camera', { id: 'c1', label: 'Camera' });

  expect(await choices.find('camera')).toBe('c1');
});

test('a browser that lists nothing is as one without devices', async () => {
  const refusing = { enumerateDevices: () => Promise.reject(new DOMException()) };

  expect(await new DeviceChoices(refusing, storage).list()).toEqual([]);
  expect(await new DeviceChoices({}, storage).list()).toEqual([]);
});
