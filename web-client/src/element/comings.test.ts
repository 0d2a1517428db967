import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import { Comings } from './comings';

const told: string[] = [];
const names = (people: readonly RemoteParticipant[]): string => people.map(({ id }) => id).join();
const comings = new Comings(({ came, went, lost }) =>
  told.push(`+${names(came)} -${names(went)}${lost.length > 0 ? ` !${names(lost)}` : ''}`),
);

beforeEach(() => {
  vi.useFakeTimers();
  told.length = 0;
});

afterEach(() => {
  comings.clear();
  vi.useRealTimers();
});

function person(id: string, reconnecting = false): RemoteParticipant {
  return new RemoteParticipant({
    id,
    role: 'client',
    microphone: true,
    camera: true,
    reconnecting,
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

test('who goes without a connection is told apart from who walks out', () => {
  comings.handleLeft(person('ann', true));
  comings.handleLeft(person('ben'));
  vi.advanceTimersByTime(3000);

  expect(told).toEqual(['+ -ben !ann']);
});

test('who was only not there yet when we came back is not said to have lost the connection', () => {
  const ann = person('ann');
  ann.handleAbsent();
  expect(ann.isReconnecting).toBe(true);
  comings.handleLeft(ann);
  vi.advanceTimersByTime(3000);

  expect(told).toEqual(['+ -ann']);
});

test('who loses the connection and comes in anew at once is no news', () => {
  const ann = person('ann', true);
  comings.handleLeft(ann);
  comings.handleJoined(ann);
  vi.advanceTimersByTime(3000);

  expect(told).toEqual([]);
});
