import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import { Comings } from './comings';

const told: string[] = [];
const names = (people: readonly RemoteParticipant[]): string => people.map(({ id }) => id).join();
const comings = new Comings(({ came, went }) => told.push(`+${names(came)} -${names(went)}`));

beforeEach(() => {
  vi.useFakeTimers();
  told.length = 0;
});

afterEach(() => {
  comings.clear();
  vi.useRealTimers();
});

function person(id: string): RemoteParticipant {
  return new RemoteParticipant({
    id,
    role: 'client',
    microphone: true,
    camera: true,
    reconnecting: false,
  });
}

test('those who come one after the other are told of once', () => {
  const ann = person('ann');
  comings.handleJoined(ann);
  vi.advanceTimersByTime(2000);
  comings.handleJoined(person('ben'));
  comings.handleLeft(person('cat'));
  expect(told).toEqual([]);

  vi.advanceTimersByTime(1000);
  expect(told).toEqual(['+ann,ben -cat']);

  comings.handleLeft(ann);
  vi.advanceTimersByTime(3000);
  expect(told).toEqual(['+ann,ben -cat', '+ -ann']);
});

test('who comes and goes at once, or goes and is back, is no news', () => {
  const ann = person('ann');
  const ben = person('ben');
  comings.handleJoined(ann);
  comings.handleLeft(ben);
  comings.handleLeft(ann);
  comings.handleJoined(ben);
  vi.advanceTimersByTime(10_000);

  expect(told).toEqual([]);
});

test('after the end nothing more is said', () => {
  comings.handleJoined(person('ann'));
  comings.clear();
  vi.advanceTimersByTime(10_000);

  expect(told).toEqual([]);
});
