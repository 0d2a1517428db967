// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeTrack } from '../media/fake-track';
import { Track } from '../room/track';
import { stubMedia } from './fake-element';
import { SmallWindow } from './small-window';

let small: SmallWindow;
let open: () => void;
const exit = vi.fn(() => Promise.resolve());

beforeEach(() => {
  stubMedia();
  small = new SmallWindow();
  exit.mockClear();
  Object.assign(document, { exitPictureInPicture: exit });
  Object.assign(small.video, {
    requestPictureInPicture: () =>
      new Promise<void>((resolve) => {
        open = resolve;
      }),
  });
  small.follow(new Track('camera', new FakeTrack('video').asTrack()));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** The press; the window opens at the test's word. */
async function press(): Promise<{ readonly done: Promise<void> }> {
  const done = small.toggle();
  await new Promise((resolve) => setTimeout(resolve));
  return { done };
}

test('it shows whom it follows, until it is closed', async () => {
  const { done } = await press();
  open();
  await done;
  expect(small.isOpen).toBe(true);
  expect(small.video.srcObject).not.toBeNull();

  small.close();

  expect(small.isOpen).toBe(false);
  expect(exit).toHaveBeenCalledOnce();
});

test('one that opens after the end of the stay is closed at once', async () => {
  const { done } = await press();
  small.close();
  open();
  await done;

  expect(small.isOpen).toBe(false);
  expect(small.video.srcObject).toBeNull();
  expect(exit).toHaveBeenCalledOnce();
});

test('without a picture none is opened', async () => {
  small.follow(undefined);
  expect(small.hasPicture).toBe(false);
  const open = vi.fn();
  Object.assign(small.video, { requestPictureInPicture: open });

  await small.toggle();

  expect(open).not.toHaveBeenCalled();
  expect(small.isOpen).toBe(false);
});
