import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import { Gathering } from './gathering';

const here = { role: 'client', microphone: true, camera: true, reconnecting: false } as const;
const person = (id: string): RemoteParticipant => new RemoteParticipant({ id, ...here });
const [ana, ben, cem] = [person('ana'), person('ben'), person('cem')];
const tell = vi.fn();
let gathering: Gathering<string>;

beforeEach(() => {
  vi.useFakeTimers();
  tell.mockReset();
  gathering = new Gathering(tell);
});

afterEach(() => {
  gathering.clear();
  vi.useRealTimers();
});

test('the first is told at once, and those of the next moments together', () => {
  gathering.note(ana, '👏');
  expect(tell.mock.lastCall).toEqual([[ana], ['👏']]);

  gathering.note(ben, '👏');
  gathering.note(cem, '👏');
  gathering.note(ben, '👏');
  gathering.note(ana, '👍');
  vi.advanceTimersByTime(2_999);
  expect(tell).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(tell.mock.calls.slice(1)).toEqual([
    [
      [ben, cem, ana],
      ['👏', '👍'],
    ],
  ]);
});

test('after a rest the first is told at once again', () => {
  gathering.note(ana, '👏');
  vi.advanceTimersByTime(3_000);
  gathering.note(cem, '👍');
  expect(tell.mock.lastCall).toEqual([[cem], ['👍']]);
});

test('who goes on and on is told of less and less often', () => {
  const times: number[] = [];
  const begin = Date.now();
  tell.mockImplementation(() => times.push(Date.now() - begin));
  for (let tenth = 0; tenth < 1200; tenth++) {
    gathering.note(ana, `reaction ${tenth}`);
    vi.advanceTimersByTime(100);
  }
  expect(times).toEqual([0, 3_000, 9_000, 21_000, 45_000, 69_000, 93_000, 117_000]);
  expect(tell.mock.lastCall?.[1]).toHaveLength(3);
});

test('what is cleared tells nobody', () => {
  gathering.note(ana, '👏');
  gathering.note(ben, '👏');
  gathering.clear();
  vi.advanceTimersByTime(60_000);
  expect(tell).toHaveBeenCalledTimes(1);
});
