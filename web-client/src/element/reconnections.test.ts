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

test('who is shown to be back again and again is not said to be', () => {
  const shown: boolean[] = [];
  for (let round = 0; round < 20; round++) {
    become(0, true);
    vi.advanceTimersByTime(4000);
    shown.push(reconnections.isAway(people[0]!));
    become(0, false);
    vi.advanceTimersByTime(3000);
  }
  expect(new Set(shown)).toEqual(new Set([true]));
  expect(told.filter((news) => news !== '- +')).toEqual(['-ann +']);

  vi.advanceTimersByTime(1000);
  expect(told.at(-1)).toBe('- +ann');
});

test('a connection that is gone for the third time is said to be only when it is so for longer', () => {
  const lose = (): number => {
    become(0, true);
    const since = Date.now();
    while (!told.includes('-ann +')) vi.advanceTimersByTime(500);
    const waited = Date.now() - since;
    become(0, false);
    vi.advanceTimersByTime(5000);
    told.length = 0;
    return waited;
  };

  expect([lose(), lose(), lose()]).toEqual([3000, 6000, 12_000]);
});

test('who was said to be away, went, and is here again, is back', () => {
  become(0, true);
  vi.advanceTimersByTime(3500);
  const [ann, ben] = people;
  people = [ben!];
  reconnections.update(people);
  people = [ben!, ann!];
  become(1, false);
  vi.advanceTimersByTime(5000);
  expect(told).toEqual(['-ann +', '- +ann']);
});

test('who was said to have gone for good is not said to be back', () => {
  become(0, true);
  vi.advanceTimersByTime(3500);
  const [ann, ben] = people;
  people = [ben!];
  reconnections.update(people);
  reconnections.forget([ann!]);
  people = [ben!, ann!];
  become(1, false);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['-ann +']);
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
