import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IceRestart } from './ice-restart';

let log: string[];
let canOffer: boolean;
let restart: IceRestart;

beforeEach(() => {
  vi.useFakeTimers();
  log = [];
  canOffer = true;
  restart = new IceRestart({
    canOffer: () => canOffer,
    offer: () => log.push('offer'),
    doubtServer: () => log.push('doubt'),
    giveUp: () => log.push('give up'),
  });
});

afterEach(() => {
  restart.close();
  vi.useRealTimers();
});

test('before media flows there is nothing to restart', () => {
  restart.handleReachable();
  restart.handleState('connecting');
  restart.handleReachable();
  expect(log).toEqual([]);
  restart.handleState('failed');
  expect(log).toEqual(['give up']);
});

test('when media falls silent ICE is restarted at once', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  expect(log).toEqual(['offer']);
});

test('when the server is reached again ICE is restarted, whatever media looks like', () => {
  restart.handleState('connected');
  restart.handleReachable();
  expect(log).toEqual(['offer']);
});

test('without the server it waits for it', () => {
  restart.handleState('connected');
  canOffer = false;
  restart.handleState('failed');
  vi.advanceTimersByTime(60_000);
  expect(log).toEqual([]);

  canOffer = true;
  restart.handleReachable();
  expect(log).toEqual(['offer']);
});

test('one offer is answered before the next is made', () => {
  restart.handleState('connected');
  restart.handleReachable();
  restart.handleReachable();
  restart.handleReachable();
  expect(log).toEqual(['offer']);

  // The one that was under way is of the network before.
  restart.handleAnswer();
  vi.advanceTimersByTime(2_500);
  expect(log).toEqual(['offer', 'offer']);
});

test('what brought media back is not repeated', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  restart.handleAnswer();
  restart.handleState('connected');
  vi.advanceTimersByTime(60_000);
  expect(log).toEqual(['offer']);
});

test('while media stays away it is tried again, ever more rarely, and then given up', () => {
  const times: number[] = [];
  const start = Date.now();
  restart.handleState('connected');
  restart.handleState('failed');
  for (let index = 0; index < 600; index += 1) {
    if (log.length > times.length) {
      times.push(Date.now() - start);
      restart.handleAnswer();
    }
    vi.advanceTimersByTime(100);
  }
  expect(log).toEqual([...Array<string>(6).fill('offer'), 'give up']);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_500);
  expect(times[6]).toBeGreaterThan(12_000);
  expect(times[6]).toBeLessThan(25_000);
});

test('a server that does not answer is doubted, and asked no second time meanwhile', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  vi.advanceTimersByTime(4_500);
  expect(log).toEqual(['offer', 'doubt', 'doubt']);
  vi.advanceTimersByTime(60_000);
  expect(log.filter((of) => of === 'offer')).toHaveLength(1);
  expect(log.at(-1)).toBe('give up');
});

test('after the end nothing happens', () => {
  restart.handleState('connected');
  restart.handleReachable();
  restart.close();
  vi.advanceTimersByTime(60_000);
  restart.handleReachable();
  expect(log).toEqual(['offer']);
});
