import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Recurrence } from './recurrence';

let recurrence: Recurrence<string>;
let changes: number;

beforeEach(() => {
  vi.useFakeTimers();
  recurrence = new Recurrence(1000, 1500);
  changes = 0;
  recurrence.on('changed', () => (changes += 1));
});

afterEach(() => {
  vi.useRealTimers();
});

/** Notes `key` at these times, in ms. */
function note(key: string, ...times: number[]): void {
  let now = 0;
  for (const time of times) {
    vi.advanceTimersByTime(time - now);
    now = time;
    recurrence.note(key);
  }
}

test('what happened once is there for a while and does not last', () => {
  note('a', 0);
  vi.advanceTimersByTime(1499);
  expect([recurrence.isPresent('a'), recurrence.lasts('a')]).toEqual([true, false]);

  vi.advanceTimersByTime(1);

  expect(recurrence.isPresent('a')).toBe(false);
  expect(changes).toBe(2);
});

test('what happens again and again lasts, until it is quiet', () => {
  note('a', 0, 900, 1800, 2700);
  expect(recurrence.lasts('a')).toBe(true);
  expect(changes).toBe(2);

  vi.advanceTimersByTime(1500);

  expect([recurrence.isPresent('a'), recurrence.lasts('a')]).toEqual([false, false]);
});

test('moments that are far apart never last', () => {
  note('a', 0, 1600, 3200, 4800);

  expect(recurrence.lasts('a')).toBe(false);
});

test('what is forgotten begins anew, and others go on', () => {
  note('a', 0, 500);
  note('b', 0);
  recurrence.forget('a');
  expect([recurrence.isPresent('a'), recurrence.isPresent('b')]).toEqual([false, true]);

  note('a', 600);

  expect(recurrence.lasts('a')).toBe(false);
});
