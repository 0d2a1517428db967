import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import { PauseNotices } from './pause-notices';

let notices: PauseNotices;
let said: boolean[];
let people: RemoteParticipant[];

beforeEach(() => {
  vi.useFakeTimers();
  notices = new PauseNotices();
  said = [];
  notices.on('changed', (somePaused) => said.push(somePaused));
  people = ['ben', 'eve'].map(
    (id) =>
      new RemoteParticipant({
        id,
        role: 'client',
        microphone: true,
        camera: true,
        reconnecting: false,
      }),
  );
});

afterEach(() => {
  vi.useRealTimers();
});

function pause(person: number, isPaused: boolean): void {
  people[person]?.handlePaused('camera', isPaused ? 'slow-connection' : undefined);
  notices.update(people);
}

test('several pauses are said once, and so is their end', () => {
  pause(0, true);
  pause(1, true);
  vi.advanceTimersByTime(5000);
  expect(said).toEqual([true]);

  pause(0, false);
  vi.advanceTimersByTime(5000);
  expect(said).toEqual([true]);
  pause(1, false);
  vi.advanceTimersByTime(5000);
  expect(said).toEqual([true, false]);
});

test('what comes and goes in a moment is not said', () => {
  for (let round = 0; round < 10; round++) {
    pause(0, true);
    vi.advanceTimersByTime(900);
    pause(0, false);
    vi.advanceTimersByTime(900);
  }
  vi.advanceTimersByTime(5000);

  expect(said).toEqual([]);
});

test('while pictures come and go, nothing more is said', () => {
  pause(0, true);
  vi.advanceTimersByTime(1000);
  for (let round = 0; round < 10; round++) {
    pause(0, false);
    vi.advanceTimersByTime(3000);
    pause(0, true);
    vi.advanceTimersByTime(3000);
  }

  expect(said).toEqual([true]);
});
