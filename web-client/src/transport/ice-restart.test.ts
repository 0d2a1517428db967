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
    withdraw: () => log.push('withdraw'),
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

test('a server that does not answer is doubted ever more slowly, asked once, and given up', () => {
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
  expect(log).toEqual(['offer', 'doubt', 'doubt', 'doubt', 'give up']);
  expect(doubts[0]).toBeLessThan(3_500);
  expect(doubts[2]).toBeGreaterThan(5_900);
});

test('an offer that was refused is taken back, and another one made', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  restart.handleRefusal();
  restart.handleRefusal();
  expect(log).toEqual(['offer']);

  vi.advanceTimersByTime(4_500);
  expect(log.filter((of) => of !== 'doubt')).toEqual(['offer', 'withdraw', 'offer']);
  restart.handleAnswer();
  restart.handleState('connected');
  vi.advanceTimersByTime(60_000);
  expect(log.filter((of) => of !== 'doubt')).toEqual(['offer', 'withdraw', 'offer']);
});

test('offers that are all refused are given up', () => {
  restart.handleState('connected');
  restart.handleState('disconnected');
  for (let at = 0; at < 60_000; at += 500) {
    restart.handleRefusal();
    vi.advanceTimersByTime(500);
  }
  expect(log.at(-1)).toBe('give up');
});

test('a refusal of something else takes nothing back', () => {
  restart.handleState('connected');
  restart.handleRefusal();
  restart.handleState('disconnected');
  restart.handleRefusal();
  restart.handleAnswer();
  restart.handleState('connected');
  vi.advanceTimersByTime(60_000);
  expect(log).toEqual(['offer']);
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
