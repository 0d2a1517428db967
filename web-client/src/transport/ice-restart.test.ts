import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IceRestart } from './ice-restart';

let log: string[];
let canOffer: boolean;
let isSilent: boolean;
let restart: IceRestart;

beforeEach(() => {
  vi.useFakeTimers();
  log = [];
  canOffer = true;
  isSilent = false;
  restart = new IceRestart({
    canOffer: () => canOffer,
    isSilent: () => isSilent,
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
  expect(log).toEqual([...Array<string>(8).fill('offer'), 'give up']);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(750);
  expect(times[8]).toBeGreaterThan(12_000);
  expect(times[8]).toBeLessThan(28_000);
});

test('a server that does not answer is doubted ever more slowly, and asked only once', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  const doubts: number[] = [];
  const start = Date.now();
  for (let at = 0; at < 60_000; at += 100) {
    const before = log.length;
    vi.advanceTimersByTime(100);
    if (log.length > before && log.at(-1) === 'doubt') {
      doubts.push(Date.now() - start);
      // The socket is another one, and the offer goes there by itself.
      restart.handleReachable();
    }
  }
  expect(log.filter((of) => of === 'offer')).toHaveLength(1);
  expect(doubts[0]).toBeLessThan(3_500);
  const gaps = doubts.slice(1).map((time, index) => time - (doubts[index] ?? 0));
  expect(gaps[2]).toBeGreaterThan(4_000);
});

test('a path on which nothing comes is tried again, but not for ever', () => {
  restart.handleState('connected');
  isSilent = true;
  restart.handleReachable();
  restart.handleAnswer();
  for (let at = 0; at < 60_000; at += 100) {
    vi.advanceTimersByTime(100);
    restart.handleAnswer();
  }
  expect(log).toEqual(['offer', 'offer', 'offer']);
});

test('after the end nothing happens', () => {
  restart.handleState('connected');
  restart.handleReachable();
  restart.close();
  vi.advanceTimersByTime(60_000);
  restart.handleReachable();
  expect(log).toEqual(['offer']);
});
