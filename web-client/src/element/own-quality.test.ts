import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ConnectionQuality } from '../room/participant';
import { OwnQuality } from './own-quality';

const GOOD: ConnectionQuality = { level: 'good' };
const WEAK: ConnectionQuality = { level: 'weak', cause: 'delay' };
const POOR: ConnectionQuality = { level: 'poor', cause: 'uplink-loss' };

let own: OwnQuality;
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  own = new OwnQuality();
  told = [];
  own.on('changed', () => told.push(own.told.level));
});

afterEach(() => {
  own.clear();
  vi.useRealTimers();
});

function hold(quality: ConnectionQuality, time: number): void {
  own.update(quality);
  vi.advanceTimersByTime(time);
}

test('what lasts is told, and its end', () => {
  hold(POOR, 4900);
  expect(told).toEqual([]);
  hold(POOR, 100);
  expect(own.told).toEqual(POOR);
  hold(GOOD, 5000);
  expect(told).toEqual(['poor', 'good']);
});

test('what passes in a moment is not told, nor is its end', () => {
  for (let round = 0; round < 10; round++) {
    hold(POOR, 4000);
    hold(GOOD, 4000);
  }
  expect(told).toEqual([]);

  hold(POOR, 5000);
  for (let round = 0; round < 10; round++) {
    hold(GOOD, 4000);
    hold(POOR, 4000);
  }
  expect(told).toEqual(['poor']);
});

test('what is bad in changing ways is told all the same', () => {
  for (let round = 0; round < 4; round++) {
    hold(WEAK, 1000);
    hold(POOR, 1000);
  }
  expect(told).toEqual(['weak']);
});
