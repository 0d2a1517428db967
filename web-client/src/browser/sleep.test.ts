import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchSleep } from './sleep';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a device that stood still for a while has slept', () => {
  const woke = vi.fn();
  const stop = watchSleep(woke);
  vi.advanceTimersByTime(60_000);
  expect(woke).not.toHaveBeenCalled();

  // The clock goes on while timers do not.
  vi.setSystemTime(Date.now() + 600_000);
  vi.advanceTimersByTime(1_000);
  expect(woke).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(woke).toHaveBeenCalledTimes(1);

  stop();
  vi.setSystemTime(Date.now() + 600_000);
  vi.advanceTimersByTime(60_000);
  expect(woke).toHaveBeenCalledTimes(1);
});
