import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Timers } from '../browser/timers';
import { FakeWorker } from '../e2ee/fake-worker';
import { Emitter } from '../events';
import type { Room } from '../room/room';
import { Interruption, type NetworkScope } from './interruption';

let scope: EventTarget & { navigator: { onLine: boolean } };
let room: FakeRoom;
let interruption: Interruption;
let changes: number;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  scope = Object.assign(new EventTarget(), { navigator: { onLine: true } });
  room = new FakeRoom();
  interruption = new Interruption(scope as NetworkScope);
  changes = 0;
  interruption.on('changed', () => {
    changes += 1;
  });
  stop = interruption.follow(room as unknown as Room);
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

class FakeRoom extends Emitter<{ stateChanged: [state: string] }> {
  readonly worker = new FakeWorker();
  readonly timers = new Timers(() => true);

  constructor() {
    super();
    this.timers.useWorker(this.worker);
  }

  become(state: string): void {
    this.emit('stateChanged', state);
  }
}

function sleep(minutes: number): void {
  vi.setSystemTime(Date.now() + minutes * 60_000);
  vi.advanceTimersByTime(1000);
}

test('a device without network is known by the browser’s word, and told of at once', () => {
  scope.navigator.onLine = false;
  scope.dispatchEvent(new Event('offline'));

  expect(interruption.cause).toBe('offline');
  expect(changes).toBe(1);

  scope.navigator.onLine = true;
  scope.dispatchEvent(new Event('online'));
  expect(interruption.cause).toBeUndefined();
  expect(changes).toBe(2);
});

test('a device that slept is known until the room is back', () => {
  sleep(10);
  expect(interruption.cause).toBe('asleep');
  expect(changes).toBe(1);

  room.become('reconnecting');
  expect(interruption.cause).toBe('asleep');
  room.become('connected');
  expect(interruption.cause).toBeUndefined();
});

test('it is known even if the room noticed first', () => {
  vi.setSystemTime(Date.now() + 600_000);
  room.become('reconnecting');

  expect(interruption.cause).toBe('asleep');
});

test('what is interrupted long after waking has another cause', () => {
  sleep(10);
  vi.advanceTimersByTime(60_000);

  expect(interruption.cause).toBeUndefined();
});

test('a page in the background, whose own timers are held back, has the room’s', () => {
  expect(room.worker.requests).toMatchObject([{ type: 'keep-time' }]);
});

test('after the end nothing is watched', () => {
  stop();
  sleep(10);
  scope.dispatchEvent(new Event('offline'));

  expect(changes).toBe(0);
});
