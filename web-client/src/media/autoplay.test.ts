// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Track } from '../room/track';
import { AudioPlayback } from './autoplay';

let container: HTMLElement;
let playback: AudioPlayback;

beforeEach(() => {
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockResolvedValue();
  container = document.createElement('div');
  document.body.append(container);
  playback = new AudioPlayback(container);
});

afterEach(() => {
  container.remove();
  vi.restoreAllMocks();
});

interface Voice {
  readonly track: Track;
  /** The browser stops it, or goes on with it. */
  setPaused(isPaused: boolean): void;
}

function add(): Voice {
  const track = { attach: vi.fn(), detach: vi.fn() } as unknown as Track;
  playback.add(track);
  const element = container.lastElementChild as HTMLAudioElement;
  const setPaused = (isPaused: boolean): void => {
    Object.defineProperty(element, 'paused', { configurable: true, value: isPaused });
    element.dispatchEvent(new Event(isPaused ? 'pause' : 'playing'));
  };
  setPaused(false);
  return { track, setPaused };
}

test('when whoever was stopped leaves, and all others play, nothing is blocked', () => {
  const first = add();
  add();
  first.setPaused(true);
  expect(playback.isBlocked).toBe(true);

  playback.remove(first.track);

  expect(playback.isBlocked).toBe(false);
});

test('when another one leaves, whoever was stopped is still not heard', () => {
  const first = add();
  const second = add();
  first.setPaused(true);

  playback.remove(second.track);

  expect(playback.isBlocked).toBe(true);
});
