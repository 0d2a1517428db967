import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readUplink, Uplink, UplinkWatch, type UplinkSample } from './uplink';

const WIDE: UplinkSample = { available: 2_000_000, loss: 0, roundTrip: 40 };
const NARROW = { ...WIDE, available: 200_000 };
const TINY = { ...WIDE, available: 60_000 };

/** What may go out after each of so many seconds on a path. */
function seconds(uplink: Uplink, count: number, sample: UplinkSample): string[] {
  return Array.from({ length: count }, () => {
    uplink.update(sample);
    return uplink.capacity;
  });
}

test('a path that is narrow costs layers, and one that is too narrow the picture', () => {
  const uplink = new Uplink();
  expect(seconds(uplink, 20, WIDE)).not.toContain('least');
  expect(seconds(uplink, 30, NARROW).indexOf('least')).toBe(2);
  expect(uplink.capacity).toBe('least');
  expect(seconds(uplink, 6, TINY).indexOf('sound-only')).toBe(2);
});

test('what passes costs nothing', () => {
  const uplink = new Uplink();
  for (let round = 0; round < 20; round += 1) {
    expect(seconds(uplink, 2, TINY)).toEqual(['all', 'all']);
    seconds(uplink, 1, WIDE);
  }
});

test('all comes back by itself when the path is wide again', () => {
  const uplink = new Uplink();
  seconds(uplink, 20, TINY);
  const back = seconds(uplink, 20, WIDE);

  expect(back.indexOf('least')).toBeLessThan(9);
  expect(back.indexOf('all')).toBeLessThan(15);
});

test('a path that stays narrow is tried again later each time, a minute apart at most', () => {
  const uplink = new Uplink();
  // With nothing going out, the browser has no reason to think ill of it.
  const tries: number[] = [];
  for (let second = 0; second < 600; second += 1) {
    const before = uplink.capacity;
    uplink.update(before === 'sound-only' ? WIDE : TINY);
    if (before === 'sound-only' && uplink.capacity === 'least') tries.push(second);
  }
  const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  expect(pauses.slice(0, 4)).toEqual([21, 37, 69, 69]);
});

test('an estimate that trembles about the floor does not have layers come and go', () => {
  const uplink = new Uplink();
  let changes = 0;
  for (let second = 0; second < 300; second += 1) {
    const available = 280_000 + ((second * 7919) % 13) * 10_000 - 60_000;
    if (uplink.update({ ...WIDE, available })) changes += 1;
  }
  expect(changes).toBeLessThanOrEqual(2);
});

test('much that is lost, or comes seconds late, is as bad where the browser does not tell what it can send', () => {
  for (const bad of [{ loss: 0.45 }, { roundTrip: 2_000 }]) {
    const uplink = new Uplink();
    const sample = { available: undefined, loss: 0, roundTrip: 50, ...bad };
    expect(seconds(uplink, 12, sample).at(-1)).toBe('sound-only');
    // While it is so, nothing is tried.
    expect(seconds(uplink, 100, sample)).not.toContain('least');
  }
});

test('a path that only loses takes the picture, however little the browser thinks of it', () => {
  const lossy = { available: 50_000, loss: 0.2 };
  const trembling = [60, 110, 75, 140].map((roundTrip) => ({ ...lossy, roundTrip }));
  const uplink = new Uplink();
  for (let round = 0; round < 30; round += 1) {
    for (const sample of trembling) uplink.update(sample);
    expect(uplink.capacity).not.toBe('sound-only');
  }
  expect(uplink.capacity).toBe('least');

  // Where packets wait as well, it is narrow.
  expect(seconds(uplink, 6, { ...lossy, roundTrip: 400 }).at(-1)).toBe('sound-only');
});

/** Seconds on a path of 200 kbit/s that keeps no queue, or one that loses a fifth; gives the thrifty ones. */
function thriftySeconds(uplink: Uplink, count: number, isRadio: boolean): number[] {
  const thrifty: number[] = [];
  for (let second = 0; second < count; second += 1) {
    if (uplink.isThrifty) thrifty.push(second);
    const sent = 110_000 + (uplink.isThrifty ? 40_000 : 150_000);
    const loss = isRadio ? 0.2 : Math.max(0, 1 - 200_000 / sent);
    uplink.update({ available: 100_000, loss, roundTrip: 45 });
    expect(uplink.capacity).not.toBe('sound-only');
  }
  return thrifty;
}

test('a path that keeps no queue is not taken for one that only loses: less is sent there', () => {
  const uplink = new Uplink();
  const thrifty = thriftySeconds(uplink, 60, false);
  expect(thrifty[0]).toBeLessThan(10);
  expect(thrifty).toHaveLength(60 - (thrifty[0] ?? 0));

  // When it is wide again, all goes out.
  seconds(uplink, 6, WIDE);
  expect([uplink.capacity, uplink.isThrifty]).toEqual(['all', false]);
});

test('a path that only loses may lose more than usual for a while, by chance', () => {
  for (const available of [100_000, undefined]) {
    const uplink = new Uplink();
    for (let second = 0; second < 300; second += 1) {
      const loss = second % 10 < 5 ? 0.3 : 0.12;
      uplink.update({ available, loss, roundTrip: 45 + (second % 3) * 15 });
      expect(uplink.capacity).not.toBe('sound-only');
    }
  }
});

test('a path that only loses is sent less for some seconds, once', () => {
  const uplink = new Uplink();
  const thrifty = thriftySeconds(uplink, 300, true);
  expect(thrifty).toHaveLength(5);

  // Another path is another matter.
  uplink.reset();
  expect(thriftySeconds(uplink, 60, true)).toHaveLength(5);
});

test('of the reports, those of the path in use and of the sound count', () => {
  expect(
    readUplink([
      { type: 'candidate-pair', nominated: false, availableOutgoingBitrate: 1 },
      {
        type: 'candidate-pair',
        nominated: true,
        availableOutgoingBitrate: 300_000,
        currentRoundTripTime: 0.05,
      },
      { type: 'remote-inbound-rtp', kind: 'audio', fractionLost: 0.125 },
      { type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.5 },
    ]),
  ).toEqual({ available: 300_000, loss: 0.125, roundTrip: 50 });
  expect(readUplink([])).toEqual({ available: undefined, loss: undefined, roundTrip: undefined });
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('who turns the camera off begins anew, and nothing is told of what is not known', async () => {
  let sample: UplinkSample | 'idle' | undefined = TINY;
  const told: string[] = [];
  const watch = new UplinkWatch(
    () => Promise.resolve(sample),
    (capacity) => told.push(capacity),
  );
  watch.start();
  await vi.advanceTimersByTimeAsync(13_000);
  sample = undefined;
  await vi.advanceTimersByTimeAsync(100_000);
  expect(told).toEqual(['least', 'sound-only']);
  sample = 'idle';
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told).toEqual(['least', 'sound-only', 'all']);
  watch.stop();
  sample = TINY;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toHaveLength(3);
});
