import { expect, test, vi } from 'vitest';
import { DeviceChoices } from './device-choices';
import { Devices, deviceError, type DeviceAccess } from './devices';
import { FakeTrack, fakeStream } from './fake-track';

type Answer = (wants: { audio: boolean; video: boolean }) => MediaStream | string;

/** `answer` gives the stream or the name of the exception. */
function access(
  answer: Answer,
  states: Partial<Record<string, PermissionState>> = {},
): { access: DeviceAccess; asked: string[] } {
  const asked: string[] = [];
  const getUserMedia = vi.fn((constraints?: MediaStreamConstraints) => {
    const wants = { audio: Boolean(constraints?.audio), video: Boolean(constraints?.video) };
    asked.push([wants.audio && 'audio', wants.video && 'video'].filter(Boolean).join('+'));
    const given = answer(wants);
    return typeof given === 'string'
      ? Promise.reject(new DOMException('', given))
      : Promise.resolve(given);
  });
  const query = ({ name }: { name: string }): Promise<PermissionStatus> =>
    Promise.resolve({ state: states[name] ?? 'prompt' } as PermissionStatus);
  return {
    access: { mediaDevices: { getUserMedia }, permissions: { query } },
    asked,
  };
}

const audio = new FakeTrack('audio');
const video = new FakeTrack('video');

test('both devices are opened with one question', async () => {
  const { access: granted, asked } = access(() => fakeStream(audio, video));

  const opening = new Devices(granted).openTogether(['microphone', 'camera']);

  expect(await opening.microphone).toBe(audio);
  expect(await opening.camera).toBe(video);
  expect(asked).toEqual(['audio+video']);
});

test('a missing camera does not cost the microphone', async () => {
  const { access: halved } = access(({ video: wanted }) =>
    wanted ? 'NotFoundError' : fakeStream(audio),
  );

  const opening = new Devices(halved).openTogether(['microphone', 'camera']);

  expect(await opening.microphone).toBe(audio);
  await expect(opening.camera).rejects.toMatchObject({ code: 'camera-missing' });
});

test('a refusal is not asked about a second time', async () => {
  const { access: refused, asked } = access(() => 'NotAllowedError');

  const opening = new Devices(refused).openTogether(['microphone', 'camera']);

  await expect(opening.microphone).rejects.toMatchObject({ code: 'microphone-refused' });
  await expect(opening.camera).rejects.toMatchObject({ code: 'camera-refused' });
  expect(asked).toEqual(['audio+video']);
});

test('a refused camera does not cost a microphone that was granted before', async () => {
  const { access: halved } = access(
    ({ video: wanted }) => (wanted ? 'NotAllowedError' : fakeStream(audio)),
    { microphone: 'granted', camera: 'denied' },
  );

  const opening = new Devices(halved).openTogether(['microphone', 'camera']);

  expect(await opening.microphone).toBe(audio);
  await expect(opening.camera).rejects.toMatchObject({ code: 'camera-refused' });
});

test('nothing is opened that was not asked for', () => {
  const { access: granted, asked } = access(() => fakeStream(audio, video));

  new Devices(granted).openTogether([]);

  expect(asked).toEqual([]);
});

test('a page without devices says that they are refused', async () => {
  await expect(new Devices({}).open('camera')).rejects.toMatchObject({ code: 'camera-refused' });
});

test.each([
  ['NotAllowedError', 'microphone-refused'],
  ['SecurityError', 'microphone-refused'],
  ['NotFoundError', 'microphone-missing'],
  ['OverconstrainedError', 'microphone-missing'],
  ['NotReadableError', 'microphone-busy'],
  ['AbortError', 'microphone-busy'],
])('%s is told as %s', (name, code) => {
  expect(deviceError('microphone', new DOMException('', name)).code).toBe(code);
});

/** A browser that names no device before one is open; `headset` is what it calls the headset. */
function shy(
  headset: string,
  state: PermissionState,
): { devices: Devices; wanted: (string | undefined)[]; opened: FakeTrack[] } {
  const wanted: (string | undefined)[] = [];
  const opened: FakeTrack[] = [];
  const enumerateDevices = (): Promise<MediaDeviceInfo[]> => {
    const isNamed = opened.length > 0;
    const kind = 'audioinput' as const;
    const all = [
      { kind, deviceId: 'built-in', label: 'Built-in' },
      { kind, deviceId: headset, label: 'Headset' },
    ];
    const listed = isNamed ? all : [{ kind, deviceId: '', label: '' }];
    return Promise.resolve(listed as MediaDeviceInfo[]);
  };
  const getUserMedia = ({ audio }: MediaStreamConstraints): Promise<MediaStream> => {
    const { deviceId } = audio as MediaTrackConstraints;
    wanted.push(JSON.stringify(deviceId));
    const id = typeof deviceId === 'string' ? deviceId : (deviceId as { exact?: string }).exact;
    const track = new FakeTrack('audio');
    track.deviceId = id === headset ? headset : 'built-in';
    opened.push(track);
    return Promise.resolve(fakeStream(track));
  };
  const storage = {
    getItem: () => JSON.stringify({ microphone: { id: 'headset', label: 'Headset' } }),
    setItem: () => undefined,
  };
  const choices = new DeviceChoices({ enumerateDevices }, storage);
  const query = (): Promise<PermissionStatus> => Promise.resolve({ state } as PermissionStatus);
  const mediaDevices = { getUserMedia };
  const devices = new Devices({ mediaDevices, permissions: { query } }, choices);
  return { devices, wanted, opened };
}

test('the chosen device is asked for though the browser names none yet', async () => {
  const { devices, wanted } = shy('headset', 'prompt');

  const track = await devices.open('microphone');

  expect(track.getSettings().deviceId).toBe('headset');
  expect(wanted).toEqual(['"headset"']);
});

test('one that got another id meanwhile is opened in place of what was opened', async () => {
  const { devices, wanted, opened } = shy('headset now', 'granted');

  const track = await devices.openTogether(['microphone']).microphone;

  expect(track.getSettings().deviceId).toBe('headset now');
  expect(wanted).toEqual(['"headset"', '{"exact":"headset now"}']);
  expect(opened.map(({ readyState }) => readyState)).toEqual(['ended', 'live']);
});

test('where that would be a second question, what was allowed is used', async () => {
  const { devices, opened } = shy('headset now', 'prompt');

  const track = await devices.open('microphone');

  expect(track.getSettings().deviceId).toBe('built-in');
  expect(opened.map(({ readyState }) => readyState)).toEqual(['live']);
});

test('whether the browser would ask is told only where it is known', async () => {
  const states = { microphone: 'granted', camera: 'prompt' } as const;
  const { access: known } = access(() => fakeStream(audio), states);
  const shy = { ...known, permissions: { query: () => Promise.reject(new TypeError()) } };

  expect(await new Devices(known).wouldAsk('microphone')).toBe(false);
  expect(await new Devices(known).wouldAsk('camera')).toBe(true);
  expect(await new Devices(shy).wouldAsk('camera')).toBeUndefined();
  expect(await new Devices({}).wouldAsk('camera')).toBeUndefined();
});
