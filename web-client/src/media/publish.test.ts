import { beforeEach, expect, test, vi } from 'vitest';
import type { QuietroomError } from '../error';
import { FakeTrack } from './fake-track';
import { Publication } from './publish';

let opened: FakeTrack[];
let sent: (FakeTrack | null)[];

beforeEach(() => {
  opened = [];
  sent = [];
});

function publication(source: 'microphone' | 'camera'): Publication {
  return new Publication(source, () => {
    const track = new FakeTrack(source === 'microphone' ? 'audio' : 'video');
    opened.push(track);
    return Promise.resolve(track.asTrack());
  });
}

const output = {
  send: (track: MediaStreamTrack | null) => {
    sent.push(track as unknown as FakeTrack | null);
    return Promise.resolve();
  },
};

test('a device turned on before there is an output is a preview only', async () => {
  const camera = publication('camera');

  await camera.setEnabled(true);

  expect(camera.track).toBe(opened[0]);
  expect(camera.isSending).toBe(false);
});

test('a preview is sent once there is an output', async () => {
  const camera = publication('camera');
  await camera.setEnabled(true);

  await camera.connect(output);

  expect(sent).toEqual([opened[0]]);
  expect(camera.isSending).toBe(true);
});

test('it counts as sent only when the output took it', async () => {
  const microphone = publication('microphone');
  let take: () => void = () => undefined;
  await microphone.connect({
    send: () =>
      new Promise((resolve) => {
        take = resolve;
      }),
  });
  const enabled = microphone.setEnabled(true);
  await vi.waitFor(() => {
    expect(microphone.track).toBeDefined();
  }, PATIENCE);
  expect(microphone.isSending).toBe(false);

  take();
  await enabled;

  expect(microphone.isSending).toBe(true);
});

test('a camera turned off is released', async () => {
  const camera = publication('camera');
  await camera.connect(output);
  await camera.setEnabled(true);

  await camera.setEnabled(false);

  expect(opened[0]?.readyState).toBe('ended');
  expect(sent.at(-1)).toBeNull();
  expect(camera.isSending).toBe(false);
});

test('a muted microphone is silent and detached, and comes back without being opened again', async () => {
  const microphone = publication('microphone');
  await microphone.connect(output);
  await microphone.setEnabled(true);

  await microphone.setEnabled(false);
  expect(opened[0]?.enabled).toBe(false);
  expect(sent.at(-1)).toBeNull();

  await microphone.setEnabled(true);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.enabled).toBe(true);
  expect(sent.at(-1)).toBe(opened[0]);
});

test('quick presses end at the last wish', async () => {
  const camera = publication('camera');
  await camera.connect(output);

  await Promise.all([true, false, true, false].map((wish) => camera.setEnabled(wish)));

  expect(camera.track).toBeUndefined();
  expect(sent.at(-1) ?? null).toBeNull();
  expect(opened.every(({ readyState }) => readyState === 'ended')).toBe(true);
});

test('a device that cannot be opened leaves it off and may be tried again', async () => {
  const track = new FakeTrack('video');
  const open = vi
    .fn<() => Promise<MediaStreamTrack>>()
    .mockRejectedValueOnce(new Error('busy'))
    .mockResolvedValueOnce(track.asTrack());
  const camera = new Publication('camera', open);

  await expect(camera.setEnabled(true)).rejects.toThrow('busy');
  expect(camera.track).toBeUndefined();

  await camera.setEnabled(true);
  expect(camera.track).toBe(track);
});

test('a device that is pulled out is reported and turned off', async () => {
  const camera = publication('camera');
  const lost = vi.fn<(error: QuietroomError) => void>();
  camera.on('lost', lost);
  await camera.connect(output);
  await camera.setEnabled(true);

  opened[0]?.unplug();
  await vi.waitFor(() => {
    expect(sent.at(-1)).toBeNull();
  }, PATIENCE);

  expect(lost.mock.calls[0]?.[0].code).toBe('camera-missing');
  expect(camera.isSending).toBe(false);
});

test('a device that opens after the end is released at once', async () => {
  const track = new FakeTrack('video');
  let give: (track: MediaStreamTrack) => void = () => undefined;
  const camera = new Publication(
    'camera',
    () =>
      new Promise((resolve) => {
        give = resolve;
      }),
  );
  const enabled = camera.setEnabled(true);
  await Promise.resolve();
  camera.close();

  give(track.asTrack());
  await enabled;

  expect(track.readyState).toBe('ended');
  expect(camera.track).toBeUndefined();
});

test('a device opened beside one that is on already is released', async () => {
  const camera = publication('camera');
  const second = new FakeTrack('video');

  await camera.setEnabled(true);
  await camera.setEnabled(true, Promise.resolve(second.asTrack()));

  await vi.waitFor(() => {
    expect(second.readyState).toBe('ended');
  }, PATIENCE);
  expect(opened[0]?.readyState).toBe('live');
});

test('another device takes the place of one that is on, which is let go first', async () => {
  const camera = publication('camera');
  await camera.setEnabled(true);
  await camera.connect(output);

  await camera.reopen();

  expect(opened.map(({ readyState }) => readyState)).toEqual(['ended', 'live']);
  expect(camera.track).toBe(opened[1]);
  expect(sent.at(-1)).toBe(opened[1]);
});

test('one that was opened meanwhile takes the place of one that is on, or is let go', async () => {
  const microphone = publication('microphone');
  await microphone.connect(output);
  await microphone.setEnabled(true);
  const [second, third, fourth] = [1, 2, 3].map(() => new FakeTrack('audio'));

  await microphone.replace(second!.asTrack());
  expect([opened[0]?.readyState, microphone.track]).toEqual(['ended', second]);
  expect(sent.at(-1)).toBe(second);
  await microphone.setEnabled(false);
  await microphone.replace(third!.asTrack());
  microphone.close();
  await microphone.replace(fourth!.asTrack());

  expect([third, fourth].map((track) => track?.readyState)).toEqual(['ended', 'ended']);
  expect(sent).not.toContain(third);
});

test('a microphone that is off is not opened for a choice, and then the chosen one is', async () => {
  const microphone = publication('microphone');
  await microphone.setEnabled(true);
  await microphone.setEnabled(false);

  await microphone.reopen();
  expect(opened.map(({ readyState }) => readyState)).toEqual(['ended']);
  await microphone.setEnabled(true);

  expect(microphone.track).toBe(opened[1]);
});

test('a chosen device that cannot be opened leaves it off, and nothing of the former one on', async () => {
  let refuse = false;
  const track = new FakeTrack('video');
  const camera = new Publication('camera', () =>
    refuse ? Promise.reject(new Error('busy')) : Promise.resolve(track.asTrack()),
  );
  await camera.setEnabled(true);
  await camera.connect(output);
  refuse = true;

  await expect(camera.reopen()).rejects.toThrow('busy');

  expect(camera.track).toBeUndefined();
  expect(camera.isSending).toBe(false);
  expect(sent.at(-1)).toBeNull();
  expect(track.readyState).toBe('ended');
});

test('a device that the system stops is told of for as long as it is on', async () => {
  const camera = publication('camera');
  await camera.setEnabled(true);
  const changed = vi.fn();
  camera.on('changed', changed);

  opened[0]?.stall(true);
  expect(camera.isStalled).toBe(true);
  opened[0]?.stall(false);
  expect(camera.isStalled).toBe(false);
  expect(changed).toHaveBeenCalledTimes(2);
  opened[0]?.stall(true);
  await camera.setEnabled(false);

  expect(camera.isStalled).toBe(false);
});

test('a device that is let go is listened to no more, which a browser may keep for a while', async () => {
  const listen = vi.spyOn(FakeTrack.prototype, 'addEventListener');
  const listeners = (track: FakeTrack): number =>
    listen.mock.calls.filter(([, , options], call) => {
      const isAborted = typeof options === 'object' && options.signal?.aborted === true;
      return listen.mock.contexts[call] === track && !isAborted;
    }).length;
  const microphone = publication('microphone');
  await microphone.setEnabled(true);
  const [first] = opened as [FakeTrack];
  expect(listeners(first)).toBe(4);
  const second = new FakeTrack('audio');

  await microphone.replace(second.asTrack());
  expect([first, second].map(listeners)).toEqual([0, 4]);
  microphone.close();

  expect(listeners(second)).toBe(0);
  listen.mockRestore();
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
