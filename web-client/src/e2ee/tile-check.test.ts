import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CHANGE_TIME, QUIET_TIME, TileCheck } from './tile-check';
import { NOTICE_INTERVAL } from './worker/notices';

const SLOT = 3;

let check: TileCheck;

beforeEach(() => {
  vi.useFakeTimers();
  check = new TileCheck();
});

afterEach(() => {
  vi.useRealTimers();
});

function noteFor(milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed += NOTICE_INTERVAL) {
    check.note(SLOT);
    vi.advanceTimersByTime(NOTICE_INTERVAL);
  }
}

test('a slot of which nothing is told is as it should be', () => {
  check.note(SLOT + 1);

  expect(check.isPresent(SLOT)).toBe(false);
});

test('another one’s frames are a mismatch at once, and until they have been gone for a while', () => {
  check.note(SLOT);
  expect(check.isPresent(SLOT)).toBe(true);

  vi.advanceTimersByTime(QUIET_TIME);

  expect(check.isPresent(SLOT)).toBe(false);
});

test('what goes on longer than a change takes lasts', () => {
  check.note(SLOT);
  expect(check.lasts(SLOT)).toBe(false);

  noteFor(3 * NOTICE_INTERVAL);

  expect(check.lasts(SLOT)).toBe(true);
});

test('the last frames of a former occupant are no mismatch of the one who follows', () => {
  check.handleChange(SLOT);
  vi.advanceTimersByTime(CHANGE_TIME - 1);
  check.note(SLOT);
  expect(check.isPresent(SLOT)).toBe(false);

  vi.advanceTimersByTime(1);
  check.note(SLOT);

  expect(check.isPresent(SLOT)).toBe(true);
});

test('a change of the occupant makes what came before worthless', () => {
  noteFor(3 * NOTICE_INTERVAL);

  check.handleChange(SLOT);

  expect([check.isPresent(SLOT), check.lasts(SLOT)]).toEqual([false, false]);
});
