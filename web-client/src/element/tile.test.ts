// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { english } from '../i18n/english';
import { FakeTrack } from '../media/fake-track';
import { Track } from '../room/track';
import { stubMedia } from './fake-element';
import { TileElement } from './tile';

let tile: TileElement;

beforeEach(async () => {
  stubMedia();
  tile = new TileElement();
  tile.messages = english;
  tile.camera = true;
  tile.track = new Track('camera', new FakeTrack('video').asTrack());
  document.body.append(tile);
  await rendered();
  // A frame of it is there.
  video().dispatchEvent(new Event('playing'));
  await rendered();
});

afterEach(() => {
  tile.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('a tile that is taken out while it shows a picture lets go of it for good', async () => {
  expect(tile.hasPicture).toBe(true);

  tile.remove();
  await rendered();

  expect(video().srcObject).toBeNull();
  expect(tile.hasPicture).toBe(false);
});

test('a tile that is put elsewhere shows its picture there', async () => {
  tile.remove();
  await rendered();

  document.body.append(tile);
  await rendered();

  expect(video().srcObject).not.toBeNull();
});

test('a picture that the browser refuses to play begins with a press, wherever that is', async () => {
  const play = refuseToPlay();
  await showAnother();
  video().dispatchEvent(new Event('playing'));
  await rendered();
  expect(tile.hasPicture, 'a first frame that stands still').toBe(false);
  document.body.click();
  await rendered();
  expect(play, 'refused once more').toHaveBeenCalledTimes(2);
  play.mockResolvedValue();

  dispatchEvent(new KeyboardEvent('keydown'));
  dispatchEvent(new KeyboardEvent('keydown'));
  video().dispatchEvent(new Event('playing'));
  await rendered();

  expect(play).toHaveBeenCalledTimes(3);
  expect(tile.hasPicture).toBe(true);
});

test('a picture that is taken away before a press is played by none', async () => {
  const play = refuseToPlay();
  await showAnother();
  tile.track = undefined;
  await rendered();

  document.body.click();

  expect(play).toHaveBeenCalledTimes(1);
});

test('a picture that stands still while the connection is gone is hidden until it moves', async () => {
  const frame = fakeFrames();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  tile.reconnecting = true;
  await tile.updateComplete;
  vi.advanceTimersByTime(2000);
  frame();
  vi.advanceTimersByTime(2900);
  expect(tile.hasPicture, 'media still comes').toBe(true);
  vi.advanceTimersByTime(100);
  expect(tile.hasPicture, 'it stands still').toBe(false);

  await tile.updateComplete;
  frame();
  expect(tile.hasPicture, 'it moves again').toBe(true);
  await tile.updateComplete;
  vi.advanceTimersByTime(3000);
  expect(tile.hasPicture, 'it stands still again').toBe(false);
});

test('no picture is hidden after the connection is back, nor where nothing tells of frames', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  tile.reconnecting = true;
  await tile.updateComplete;
  vi.advanceTimersByTime(60_000);
  expect(tile.hasPicture).toBe(true);
  tile.reconnecting = false;
  await tile.updateComplete;

  fakeFrames();
  tile.reconnecting = true;
  await tile.updateComplete;
  vi.advanceTimersByTime(2000);
  tile.reconnecting = false;
  await tile.updateComplete;
  vi.advanceTimersByTime(60_000);
  expect(tile.hasPicture).toBe(true);
});

test('that the connection is gone is said over the picture, in place of a pause', async () => {
  tile.label = 'Ben';
  tile.pause = 'Paused';
  tile.away = 'Reconnecting…';
  await rendered();

  const words = [...tile.renderRoot.querySelectorAll('.paused')];
  expect(words.map(({ textContent }) => textContent)).toEqual(['Reconnecting…']);
  expect(words[0]?.closest('.cover')).toBeNull();
  const name = tile.renderRoot.querySelector('figure')?.getAttribute('aria-label');
  expect(name).toBe('Ben: microphone off, camera on, Reconnecting…');
});

/** Has the video tell of frames; the returned function shows one. */
function fakeFrames(): () => void {
  const waiting = new Map<number, () => void>();
  let next = 1;
  Object.assign(video(), {
    requestVideoFrameCallback: (listener: () => void) => {
      waiting.set(next, listener);
      return next++;
    },
    cancelVideoFrameCallback: (handle: number) => waiting.delete(handle),
  });
  return () => {
    const listeners = [...waiting.values()];
    waiting.clear();
    for (const listener of listeners) listener();
  };
}

function refuseToPlay(): MockInstance<HTMLMediaElement['play']> {
  const refusal = new DOMException('not now', 'NotAllowedError');
  return vi.spyOn(HTMLMediaElement.prototype, 'play').mockClear().mockRejectedValue(refusal);
}

async function showAnother(): Promise<void> {
  tile.track = new Track('camera', new FakeTrack('video').asTrack());
  await rendered();
}

async function rendered(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  await tile.updateComplete;
}

function video(): HTMLVideoElement {
  return tile.renderRoot.querySelector('video')!;
}
