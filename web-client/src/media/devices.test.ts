import { expect, test, vi } from 'vitest';
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
