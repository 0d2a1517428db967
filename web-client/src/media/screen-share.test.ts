import { beforeEach, expect, test, vi } from 'vitest';
import { QuietroomError } from '../error';
import { FakeTrack, fakeStream } from './fake-track';
import { ScreenShare } from './screen-share';

let picture: FakeTrack;
let sound: FakeTrack;
let sent: Record<'screen' | 'screenAudio', unknown[]>;
let wanted: boolean[];
let getDisplayMedia: ReturnType<typeof vi.fn<() => Promise<MediaStream>>>;
let share: ScreenShare;

beforeEach(() => {
  picture = new FakeTrack('video');
  sound = new FakeTrack('audio');
  sent = { screen: [], screenAudio: [] };
  wanted = [];
  getDisplayMedia = vi.fn(() => Promise.resolve(fakeStream(picture, sound)));
  share = new ScreenShare({ mediaDevices: { getDisplayMedia } });
  share.on('wanted', (isWanted) => wanted.push(isWanted));
  share.connect({ screen: output('screen'), screenAudio: output('screenAudio') });
});

function output(source: 'screen' | 'screenAudio') {
  return {
    send: (track: MediaStreamTrack | null) => {
      sent[source].push(track);
      return Promise.resolve();
    },
  };
}

async function started(): Promise<void> {
  const starting = share.start();
  await asked();
  share.handleGranted();
  await starting;
}

function asked(): Promise<void> {
  return vi.waitFor(() => {
    expect(wanted.at(-1)).toBe(true);
  }, PATIENCE);
}

test('picture and sound are sent once the server has given a slot, and not before', async () => {
  const starting = share.start();
  await asked();
  expect(sent).toEqual({ screen: [], screenAudio: [] });
  expect(share.isSharing).toBe(false);

  share.handleGranted();
  await starting;

  expect(sent).toEqual({ screen: [picture], screenAudio: [sound] });
  expect(picture.contentHint).toBe('detail');
  expect(share.isSharing).toBe(true);
  expect(share.track).toBe(picture);
});

test('the browser is asked while the press is handled', () => {
  void share.start().catch(() => undefined);

  expect(getDisplayMedia).toHaveBeenCalledOnce();
});

test('a second press while the first is handled asks nothing again', async () => {
  void share.start().catch(() => undefined);
  await started();
  await share.start();

  expect(getDisplayMedia).toHaveBeenCalledOnce();
});

test('a screen without sound is shared all the same', async () => {
  getDisplayMedia.mockResolvedValue(fakeStream(picture));

  await started();

  expect(sent).toEqual({ screen: [picture], screenAudio: [null] });
});

test('the browser’s own stop button ends the share', async () => {
  await started();

  picture.unplug();
  await vi.waitFor(() => {
    expect(sent.screen.at(-1)).toBeNull();
  }, PATIENCE);

  expect(wanted).toEqual([true, false]);
  expect(share.isSharing).toBe(false);
  expect(sound.readyState).toBe('ended');
});

test('stopping lets the screen go and gives the slot back, once', async () => {
  await started();

  await share.stop();
  await share.stop();

  expect(picture.readyState).toBe('ended');
  expect(wanted).toEqual([true, false]);
  expect(sent).toEqual({ screen: [picture, null], screenAudio: [sound, null] });
});

test('a share that was stopped can be started again', async () => {
  await started();
  await share.stop();
  picture = new FakeTrack('video');

  await started();

  expect(share.track).toBe(picture);
});

test('a slot that the server does not give is told, and nothing is captured any longer', async () => {
  const starting = share.start();
  await asked();

  share.handleRefused(new QuietroomError('screens-full'));

  await expect(starting).rejects.toMatchObject({ code: 'screens-full' });
  expect(picture.readyState).toBe('ended');
  expect(sent.screen).toEqual([]);
});

test('a slot that the server takes back ends the share', async () => {
  await started();

  share.handleRevoked();
  await vi.waitFor(() => {
    expect(sent.screen.at(-1)).toBeNull();
  }, PATIENCE);

  expect(picture.readyState).toBe('ended');
});

test('a share stopped before it was granted never begins', async () => {
  const starting = share.start();
  await asked();
  await share.stop();
  share.handleGranted();

  await expect(starting).rejects.toMatchObject({ code: 'screen-refused' });
  expect(wanted).toEqual([true, false]);
  expect(sent.screen).not.toContain(picture);
});

test('a server that says nothing is not waited for', async () => {
  vi.useFakeTimers();
  const starting = share.start();
  const failed = expect(starting).rejects.toMatchObject({ code: 'screen-failed' });

  await vi.advanceTimersByTimeAsync(5_000);

  await failed;
  expect(picture.readyState).toBe('ended');
  expect(wanted).toEqual([true, false]);
  vi.useRealTimers();
});

test.each([
  ['NotAllowedError', 'screen-refused'],
  ['NotSupportedError', 'screen-unsupported'],
  ['NotReadableError', 'screen-failed'],
  ['InvalidStateError', 'screen-failed'],
])('%s of the browser is %s', async (name, code) => {
  getDisplayMedia.mockRejectedValue(new DOMException('', name));

  await expect(share.start()).rejects.toMatchObject({ code });
  expect(wanted).toEqual([]);
});

test('a phone’s browser cannot share', async () => {
  const phone = new ScreenShare({ mediaDevices: {} });

  expect(phone.isSupported).toBe(false);
  await expect(phone.start()).rejects.toMatchObject({ code: 'screen-unsupported' });
});

test('a screen chosen after the end is let go', async () => {
  const starting = share.start();
  share.close();

  await expect(starting).rejects.toMatchObject({ code: 'left' });
  expect(picture.readyState).toBe('ended');
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
