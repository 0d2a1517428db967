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
