import { beforeEach, expect, test, vi } from 'vitest';
import { keepScreenOn } from './wake-lock';

let page: EventTarget & { hidden: boolean };
let sentinels: { released: boolean; release: () => Promise<void> }[];

const request = vi.fn(() => {
  const sentinel = {
    released: false,
    release: () => {
      sentinel.released = true;
      return Promise.resolve();
    },
  };
  sentinels.push(sentinel);
  return Promise.resolve(sentinel as unknown as WakeLockSentinel);
});

beforeEach(() => {
  sentinels = [];
  request.mockClear();
  page = Object.assign(new EventTarget(), { hidden: false });
});

async function keep(): Promise<() => void> {
  const stop = keepScreenOn({ wakeLock: { request } }, page as unknown as Document);
  await Promise.resolve();
  return stop;
}

test('the screen stays on until the end', async () => {
  const stop = await keep();
  expect(sentinels.map(({ released }) => released)).toEqual([false]);

  stop();

  expect(sentinels.map(({ released }) => released)).toEqual([true]);
});

test('what the browser let go while the page was hidden is asked for again', async () => {
  const stop = await keep();
  page.hidden = true;
  sentinels[0]!.released = true;
  page.dispatchEvent(new Event('visibilitychange'));
  expect(request).toHaveBeenCalledTimes(1);

  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  await Promise.resolve();

  expect(request).toHaveBeenCalledTimes(2);
  stop();
  page.dispatchEvent(new Event('visibilitychange'));
  expect(request).toHaveBeenCalledTimes(2);
});

test('one that is given after the end is given back', async () => {
  const stop = keepScreenOn({ wakeLock: { request } }, page as unknown as Document);
  stop();
  await Promise.resolve();

  expect(sentinels.map(({ released }) => released)).toEqual([true]);
});

test('a page that was hidden for a moment only keeps no second one', async () => {
  const stop = keepScreenOn({ wakeLock: { request } }, page as unknown as Document);
  page.dispatchEvent(new Event('visibilitychange'));
  await Promise.resolve();
  expect(sentinels.map(({ released }) => released)).toEqual([false, true]);

  stop();
  expect(sentinels.map(({ released }) => released)).toEqual([true, true]);
});

test('without the interface, or refused, nothing happens', async () => {
  const stops = [
    keepScreenOn({}, page as unknown as Document),
    keepScreenOn(
      { wakeLock: { request: () => Promise.reject(new DOMException('', 'NotAllowedError')) } },
      page as unknown as Document,
    ),
  ];
  await Promise.resolve();

  for (const stop of stops) stop();
});
