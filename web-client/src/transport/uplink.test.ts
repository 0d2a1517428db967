import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Report } from './report';
import { Uplink, UplinkReader, UplinkWatch, type UplinkSample } from './uplink';

const WIDE: UplinkSample = { available: 2_000_000, loss: 0, roundTrip: 40 };
const NARROW = { ...WIDE, available: 200_000 };
const TINY = { ...WIDE, available: 60_000, loss: 0.03 };
/** A machine that sends at odd times, on a path that is wide. */
const STARVED = { ...WIDE, available: 134_000, sent: 140_000, roundTrip: 90 };

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

/** A path that keeps no queue. */
interface Path {
  /** In bit/s. */
  readonly takes: number;
  /** The share that it loses by itself. */
  readonly loses: number;
  /** In bit/s; by default what Chromium would think, with loss and without. */
  readonly available?: number | undefined;
}

interface Second {
  readonly capacity: string;
  readonly isThrifty: boolean;
  readonly loss: number;
}

/** What goes out in each of so many seconds, and what is lost of it. */
function secondsOn(uplink: Uplink, count: number, path: Path): Second[] {
  return Array.from({ length: count }, () => {
    const { capacity, isThrifty } = uplink;
    const ofLeast = isThrifty ? 40_000 : 150_000;
    const pictures = { all: 1_500_000, least: ofLeast, 'sound-only': 0 }[capacity];
    const sent = 110_000 + pictures;
    const arriving = Math.min(sent, path.takes) * (1 - path.loses);
    const loss = 1 - arriving / sent;
    const thought = loss >= 0.05 ? 100_000 : Math.min(path.takes, 2 * sent);
    const available = 'available' in path ? path.available : thought;
    uplink.update({ available, loss, roundTrip: 45 });
    return { capacity, isThrifty, loss };
  });
}

function thrifty(seconds: Second[]): number {
  return seconds.filter(({ isThrifty }) => isThrifty).length;
}

function meanLoss(seconds: Second[]): number {
  return seconds.reduce((sum, { loss }) => sum + loss, 0) / seconds.length;
}

function climbsToAll(seconds: Second[]): number {
  const isClimb = (at: number) =>
    seconds[at]?.capacity === 'all' && seconds[at - 1]?.capacity === 'least';
  return seconds.filter((_, at) => isClimb(at)).length;
}

const RADIO: Path = { takes: 2_000_000, loses: 0.2 };
const FULL: Path = { takes: 200_000, loses: 0 };

test('a path that keeps no queue is not taken for one that only loses: less is sent there', () => {
  const uplink = new Uplink();
  const first = secondsOn(uplink, 10, FULL);
  expect(thrifty(first)).toBeGreaterThan(0);
  const then = secondsOn(uplink, 300, FULL);
  // Now and then it is tried again.
  expect(thrifty(then)).toBeGreaterThan(260);
  expect(then.every(({ capacity }) => capacity === 'least')).toBe(true);

  // When it is wide again, all goes out.
  seconds(uplink, 6, WIDE);
  expect([uplink.capacity, uplink.isThrifty]).toEqual(['all', false]);
});

test('whoever is sent less learns that the path is wide, though an estimate follows what is sent', () => {
  const wide = { takes: 2_000_000, loses: 0 };
  for (const start of [RADIO, FULL]) {
    for (const browser of [{}, { available: undefined }]) {
      for (let lossy = 3; lossy < 30; lossy += 1) {
        const uplink = new Uplink();
        secondsOn(uplink, lossy, { ...start, ...browser });
        secondsOn(uplink, 60, { ...wide, ...browser });
        expect([lossy, uplink.capacity, uplink.isThrifty]).toEqual([lossy, 'all', false]);
      }
    }
  }
});

test('a path that is full and loses some by itself too is sent less', () => {
  for (const browser of [{}, { available: undefined }]) {
    const uplink = new Uplink();
    const path = { takes: 180_000, loses: 0.06, ...browser };
    secondsOn(uplink, 20, path);
    const then = secondsOn(uplink, 300, path);
    expect(meanLoss(then)).toBeLessThan(0.1);
    expect(then.every(({ capacity }) => capacity === 'least')).toBe(true);
  }
});

test('a path that only lost by itself may be full later', () => {
  const uplink = new Uplink();
  secondsOn(uplink, 60, RADIO);
  secondsOn(uplink, 70, FULL);
  expect(meanLoss(secondsOn(uplink, 60, FULL))).toBeLessThan(0.06);
});

test('where the browser does not tell what it can send, all is not tried again and again', () => {
  for (const [takes, climbs] of [
    [180_000, 0],
    // The least layer fits, and nothing shows that no more does.
    [300_000, 12],
  ] as const) {
    const uplink = new Uplink();
    const all = secondsOn(uplink, 600, { takes, loses: 0, available: undefined });
    expect(climbsToAll(all)).toBeLessThanOrEqual(climbs);
    expect(all.some(({ capacity }) => capacity === 'sound-only')).toBe(false);
  }
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

test('a path that only loses is sent less for some seconds, about once a minute', () => {
  const uplink = new Uplink();
  expect(thrifty(secondsOn(uplink, 60, RADIO))).toBe(5);
  expect(thrifty(secondsOn(uplink, 240, RADIO))).toBe(20);

  // Another path is another matter.
  uplink.reset();
  expect(thrifty(secondsOn(uplink, 60, RADIO))).toBe(5);
});

test('an estimate that only follows how little is sent costs no picture, nor its layers', () => {
  for (const sound of [60_000, 75_000, 110_000]) {
    for (const picture of [0, 10_000, 20_000, 40_000]) {
      const uplink = new Uplink();
      // After a moment of bad Wi-Fi; from then on Chromium's grows as here.
      let available = 0.85 * sound;
      const were = Array.from({ length: 60 }, () => {
        const sent = sound + (uplink.capacity === 'sound-only' ? 0 : picture);
        available = Math.min(1.08 * available, 1.5 * sent + 10_000);
        uplink.update({ available, sent, loss: 0, roundTrip: 40 });
        return uplink.capacity;
      });
      expect([sound, picture, were.slice(25)]).toEqual([sound, picture, Array(35).fill('all')]);
    }
  }
});

test('an estimate that falls though nothing waits or is lost costs layers, and not the picture', () => {
  const uplink = new Uplink();
  expect(new Set(seconds(uplink, 100, STARVED))).toEqual(new Set(['all', 'least']));
  // Where packets wait, it is true.
  const full = { ...STARVED, sent: 120_000, roundTrip: 250 };
  expect(seconds(uplink, 4, full).at(-1)).toBe('sound-only');
});

test('an estimate that is sent to the full counts', () => {
  for (const share of [0.85, 1, 1.1]) {
    const uplink = new Uplink();
    const narrow = { ...NARROW, sent: share * NARROW.available };
    expect(seconds(uplink, 30, narrow).at(-1)).toBe('least');
    const tiny = { ...TINY, sent: share * TINY.available };
    expect(seconds(uplink, 8, tiny).at(-1)).toBe('sound-only');
  }
});

function byId(reports: Report[]): Map<string, Report> {
  return new Map(reports.map((report, index) => [String(index), report]));
}

test('of the reports, those of the path in use and of the sound count', () => {
  const pair = {
    ...{ type: 'candidate-pair', id: 'one', nominated: true },
    ...{ availableOutgoingBitrate: 300_000, currentRoundTripTime: 0.05 },
  };
  const at = (timestamp: number, bytesSent: number, packetsSent: number): Report[] => [
    { type: 'candidate-pair', id: 'two', nominated: false, availableOutgoingBitrate: 1 },
    { ...pair, timestamp, bytesSent, packetsSent },
    { type: 'remote-inbound-rtp', kind: 'audio', fractionLost: 0.125 },
    { type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.5 },
  ];
  const reader = new UplinkReader();
  const known = { available: 300_000, loss: 0.125, roundTrip: 50 };
  expect(reader.read(byId(at(1_000, 50_000, 400)))).toEqual({ ...known, sent: undefined });
  expect(reader.read(byId(at(3_000, 70_000, 600)))).toEqual({
    ...known,
    sent: 4 * (20_000 + 5_600),
  });
  // Another path has not sent what this one has.
  const [, ...rest] = at(4_000, 80_000, 700);
  expect(reader.read(byId([{ ...rest[0], id: 'three' }])).sent).toBeUndefined();
  expect(reader.read(byId([{ ...pair, id: 'three', timestamp: 5_000 }])).sent).toBeUndefined();
  expect(reader.read(byId([]))).toEqual({
    ...{ available: undefined, sent: undefined },
    ...{ loss: undefined, roundTrip: undefined },
  });
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
