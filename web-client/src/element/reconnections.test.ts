import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import { Reconnections } from './reconnections';

let reconnections: Reconnections;
let told: string[];
let people: RemoteParticipant[];

beforeEach(() => {
  vi.useFakeTimers();
  reconnections = new Reconnections();
  told = [];
  const ids = (some: readonly RemoteParticipant[]): string => some.map(({ id }) => id).join();
  reconnections.on('changed', (away, back) => told.push(`-${ids(away)} +${ids(back)}`));
  people = ['ann', 'ben'].map((id) => new RemoteParticipant(state(id, false)));
});

afterEach(() => {
  reconnections.clear();
  vi.useRealTimers();
});

function state(
  id: string,
  reconnecting: boolean,
): ConstructorParameters<typeof RemoteParticipant>[0] {
  return { id, role: 'client', microphone: true, camera: true, reconnecting };
}

function become(person: number, reconnecting: boolean): void {
  const one = people[person]!;
  one.handleUpdate(state(one.id, reconnecting));
  reconnections.update(people);
}

test('who is back within three seconds was never away', () => {
  become(0, true);
  vi.advanceTimersByTime(2900);
  expect(reconnections.isAway(people[0]!)).toBe(false);
  become(0, false);
  vi.advanceTimersByTime(10_000);

  expect(told).toEqual([]);
});

test('short interruptions do not add up', () => {
  for (let round = 0; round < 5; round++) {
    become(0, true);
    vi.advanceTimersByTime(2000);
    become(0, false);
    vi.advanceTimersByTime(100);
  }

  expect(told).toEqual([]);
});

test('several whose connection is gone are told of once, and are not away any more at once', () => {
  become(0, true);
  become(1, true);
  vi.advanceTimersByTime(3500);
  expect(told).toEqual(['-ann,ben +']);
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveLength(1);

  become(0, false);
  become(1, false);
  expect(people.map((one) => reconnections.isAway(one))).toEqual([false, false]);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['-ann,ben +', '- +ann,ben']);
});

test('who is gone for good is not told of here', () => {
  become(0, true);
  become(1, true);
  vi.advanceTimersByTime(1000);
  people.shift();
  reconnections.update(people);
  vi.advanceTimersByTime(3000);
  people.shift();
  reconnections.update(people);
  vi.advanceTimersByTime(10_000);

  expect(told).toEqual(['-ben +']);
});
