import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SleepWatch } from './sleep';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a device that stood still for a while has slept', () => {
  const woke = vi.fn();
  const watch = new SleepWatch(woke);
  vi.advanceTimersByTime(60_000);
  expect(woke).not.toHaveBeenCalled();

  // The clock goes on while timers do not.
  vi.setSystemTime(Date.now() + 600_000);
  vi.advanceTimersByTime(1_000);
  expect(woke).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(woke).toHaveBeenCalledTimes(1);

  watch.stop();
  vi.setSystemTime(Date.now() + 600_000);
  vi.advanceTimersByTime(60_000);
  expect(woke).toHaveBeenCalledTimes(1);
});

test('whoever looks first is told of a sleep, and it is told once', () => {
  const woke = vi.fn();
  const watch = new SleepWatch(woke);
  vi.setSystemTime(Date.now() + 600_000);

  watch.look();
  vi.advanceTimersByTime(5_000);

  expect(woke).toHaveBeenCalledTimes(1);
  watch.stop();
});
