import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Reactions, REACTIONS } from './reactions';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a reaction is shown for four seconds, and anew when it is repeated', () => {
  const reactions = new Reactions();
  reactions.show('ben', '👍');
  vi.advanceTimersByTime(3_000);
  reactions.show('ben', '👏');

  vi.advanceTimersByTime(3_999);
  expect(reactions.of('ben')).toBe('👏');
  vi.advanceTimersByTime(1);
  expect(reactions.of('ben')).toBeUndefined();
});

test.each([...REACTIONS, '👩‍👩‍👧', '👋🏽'])('%s is one', (reaction) => {
  expect(new Reactions().show('ben', reaction)).toBe(true);
});

test.each(['', 'rude words', '👍 rude', '<b>', '1', '\u202e'])('%j is none', (reaction) => {
  const reactions = new Reactions();

  expect(reactions.show('ben', reaction)).toBe(false);
  expect(reactions.of('ben')).toBeUndefined();
});

test('what is cleared calls nobody any more', () => {
  const reactions = new Reactions();
  const changed = vi.fn();
  reactions.show('ben', '👍');
  reactions.on('changed', changed);

  reactions.clear();
  vi.advanceTimersByTime(10_000);

  expect(changed).not.toHaveBeenCalled();
});
