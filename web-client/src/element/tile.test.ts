// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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

async function rendered(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  await tile.updateComplete;
}

function video(): HTMLVideoElement {
  return tile.renderRoot.querySelector('video')!;
}
