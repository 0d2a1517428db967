import { beforeEach, expect, test, vi } from 'vitest';
import { FakeTrack, fakeStream } from '../media/fake-track';
import { LocalMedia } from './local-media';

let opened: FakeTrack[];
let state: PermissionState;
let refuse: boolean;
let media: LocalMedia;
let replaced: string[];
let errors: string[];
let sent: unknown[];
let query: () => Promise<void>;
let present: Partial<MediaDeviceInfo>[];
let inventory: EventTarget;

beforeEach(() => {
  opened = [];
  state = 'granted';
  refuse = false;
  replaced = [];
  errors = [];
  sent = [];
  query = () => Promise.resolve();
  present = [];
  inventory = new EventTarget();
  const getUserMedia = ({ audio, video }: MediaStreamConstraints): Promise<MediaStream> => {
    if (refuse) return Promise.reject(new DOMException('', 'NotFoundError'));
    const tracks = [
      ...(audio === undefined ? [] : [new FakeTrack('audio')]),
      ...(video === undefined ? [] : [new FakeTrack('video')]),
    ];
    for (const track of tracks) track.label = `${track.kind} ${opened.push(track)}`;
    const { deviceId } = typeof audio === 'object' ? audio : {};
    const wanted = (deviceId as { exact?: string } | undefined)?.exact;
    if (wanted !== undefined && tracks[0] !== undefined) tracks[0].deviceId = wanted;
    return Promise.resolve(fakeStream(...tracks));
  };
  media = new LocalMedia(
    {
      mediaDevices: Object.assign(inventory, {
        getUserMedia,
        enumerateDevices: () => Promise.resolve(present as MediaDeviceInfo[]),
      }),
      permissions: { query: () => query().then(() => ({ state }) as PermissionStatus) },
    },
    (message) => sent.push(message),
  );
  media.on('replaced', (_, label) => replaced.push(label));
  media.on('error', ({ code }) => errors.push(code));
});

async function open(): Promise<void> {
  media.open({});
  await vi.waitFor(() => {
    expect(media.microphone.track).toBeDefined();
    expect(media.camera.track).toBeDefined();
  }, PATIENCE);
}

async function unplug(kind: 'audio' | 'video'): Promise<void> {
  opened
    .filter((track) => track.kind === kind)
    .at(-1)
    ?.unplug();
  await new Promise((resolve) => setTimeout(resolve));
}

test('a voice goes on by another microphone when one is unplugged', async () => {
  await open();

  await unplug('audio');

  expect(media.microphone.track?.label).toBe('audio 3');
  expect(replaced).toEqual(['audio 3']);
  expect(errors).toEqual([]);
});

test('of what is not wanted nobody is asked', async () => {
  const asked: string[] = [];
  const access = {
    permissions: {
      query: ({ name }: PermissionDescriptor) => {
        asked.push(name);
        return Promise.resolve({
          state: name === 'camera' ? 'prompt' : 'granted',
        } as PermissionStatus);
      },
    },
  };
  const other = new LocalMedia(access, () => undefined);

  expect(await other.wouldAsk({})).toBe(true);
  expect(await other.wouldAsk({ camera: false })).toBe(false);
  expect(asked).toEqual(['microphone', 'camera', 'microphone']);
});

test('no other camera is turned on by itself', async () => {
  await open();

  await unplug('video');

  expect(media.camera.track).toBeUndefined();
  expect(errors).toEqual(['camera-missing']);
});

test('where there is no other microphone, that is told', async () => {
  await open();
  refuse = true;

  await unplug('audio');

  expect(errors).toEqual(['microphone-missing']);
});

test('where the browser would ask, it is not made to', async () => {
  await open();
  state = 'prompt';

  await unplug('audio');

  expect(opened).toHaveLength(2);
  expect(errors).toEqual(['microphone-missing']);
});

test('a microphone that was off is missed only when it is wanted', async () => {
  await open();
  await media.microphone.setEnabled(false);

  await unplug('audio');
  expect(errors).toEqual([]);
  expect(opened).toHaveLength(2);
  await media.microphone.setEnabled(true);

  expect(media.microphone.track?.label).toBe('audio 3');
});

test('one that goes as soon as it is opened is not opened for ever', async () => {
  await open();

  await unplug('audio');
  await unplug('audio');

  expect(opened).toHaveLength(3);
  expect(errors).toEqual(['microphone-missing']);
});

test('what was turned off before the join is not opened by it', async () => {
  await open();
  await media.camera.setEnabled(false);

  media.open({});
  await new Promise((resolve) => setTimeout(resolve));

  expect(media.camera.track).toBeUndefined();
});

/** Holds back what the browser says of permissions; the returned function lets it go. */
function holdPermissions(): () => Promise<void> {
  let say: () => void = () => undefined;
  query = () =>
    new Promise((resolve) => {
      say = resolve;
    });
  return async () => {
    say();
    await new Promise((resolve) => setTimeout(resolve));
  };
}

test('who is muted while another microphone is looked for stays so', async () => {
  await open();
  media.handleJoined();
  const goOn = holdPermissions();
  await unplug('audio');

  media.handleMuted('microphone');
  await goOn();

  expect(media.microphone.track).toBeUndefined();
  expect(replaced).toEqual([]);
  expect(opened).toHaveLength(2);
  expect(sent.at(-1)).toMatchObject({ type: 'media', microphone: false });
});

test('who leaves meanwhile is told of no other microphone, and has none open', async () => {
  await open();
  const goOn = holdPermissions();
  await unplug('audio');

  media.close();
  await goOn();

  expect(opened).toHaveLength(2);
  expect([...replaced, ...errors]).toEqual([]);
});

test('another microphone that is muted as it opens is told of to nobody', async () => {
  await open();
  const goOn = holdPermissions();
  await unplug('audio');
  const stop = media.on('changed', () => {
    stop();
    void media.microphone.setEnabled(false);
  });
  await goOn();

  expect(media.microphone.track).toBeUndefined();
  expect(replaced).toEqual([]);
});

const HEADSET = { kind: 'audioinput', deviceId: 'headset', label: 'Headset' } as const;

/** The list of devices changes. */
async function plug(...devices: Partial<MediaDeviceInfo>[]): Promise<void> {
  present = devices;
  inventory.dispatchEvent(new Event('devicechange'));
  await new Promise((resolve) => setTimeout(resolve));
}

async function choose(device: typeof HEADSET): Promise<void> {
  media.choices.choose('microphone', { id: device.deviceId, label: device.label });
  await new Promise((resolve) => setTimeout(resolve));
}

test('the chosen microphone is used when it is plugged in', async () => {
  await open();
  await choose(HEADSET);
  expect(media.microphone.track?.getSettings().deviceId).toBe('');
  const before = media.microphone.track;

  await plug(HEADSET);
  expect(media.microphone.track?.getSettings().deviceId).toBe('headset');
  expect(before?.readyState).toBe('ended');
  const now = media.microphone.track;
  await plug(HEADSET);

  expect(media.microphone.track).toBe(now);
  expect(errors).toEqual([]);
});

test('one that cannot be opened yet costs nobody the microphone that is on', async () => {
  await open();
  await choose(HEADSET);
  refuse = true;
  await plug(HEADSET);

  expect(media.microphone.track?.readyState).toBe('live');
  expect(errors).toEqual([]);
});

test('one that is plugged in is not opened for who is muted, nor after the end', async () => {
  await open();
  await choose(HEADSET);
  const count = opened.length;
  await media.microphone.setEnabled(false);
  await plug(HEADSET);
  await media.microphone.setEnabled(true);
  media.close();
  await plug(HEADSET);

  expect(opened).toHaveLength(count);
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
