import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Report } from './report';
import { RepairDelay } from './repair-delay';

const receiver = { track: { id: 'picture' }, jitterBufferTarget: null as number | null };
let reports: Report[];
let delay: RepairDelay;

beforeEach(() => {
  vi.useFakeTimers();
  receiver.jitterBufferTarget = null;
  reports = [];
  delay = new RepairDelay(
    () => Promise.resolve(reports),
    () => [receiver as unknown as RTCRtpReceiver],
  );
  delay.start();
});

afterEach(() => {
  delay.stop();
  vi.useRealTimers();
});

let [packets, requests, freezes] = [0, 0, 0];

/** Lets seconds pass in which so many packets come, and so many are asked for again. */
async function receive(seconds: number, came: number, asked: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    packets += came;
    requests += asked;
    reports = [
      { type: 'candidate-pair', currentRoundTripTime: 0.06 },
      {
        ...{ type: 'inbound-rtp', kind: 'video', trackIdentifier: 'picture' },
        ...{ packetsReceived: packets, nackCount: requests, freezeCount: freezes },
      },
    ];
    await vi.advanceTimersByTimeAsync(1_000);
  }
}

test('a picture of which much is lost gets time for two repairs, until it is long over', async () => {
  await receive(5, 100, 1);
  expect(receiver.jitterBufferTarget).toBeNull();
  await receive(3, 100, 10);
  expect(receiver.jitterBufferTarget).toBe(260);
  await receive(10, 100, 0);
  expect(receiver.jitterBufferTarget).toBe(260);
  await receive(6, 100, 0);
  expect(receiver.jitterBufferTarget).toBeNull();
});

test('the time is given step by step, so that the picture does not stand still', async () => {
  await receive(2, 100, 0);
  await receive(2, 100, 10);
  const targets: (number | null)[] = [];
  for (let step = 0; step < 8; step += 1) {
    targets.push(receiver.jitterBufferTarget);
    await vi.advanceTimersByTimeAsync(100);
  }

  expect(targets).toEqual([60, 60, 120, 120, 180, 180, 240, 240]);
  await vi.advanceTimersByTimeAsync(100);
  expect(receiver.jitterBufferTarget).toBe(260);
});

test('a picture that stands still nevertheless gets all the time there is', async () => {
  freezes += 3;
  await receive(6, 100, 10);
  expect(receiver.jitterBufferTarget).toBe(260);
  freezes += 1;
  await receive(3, 100, 10);
  expect(receiver.jitterBufferTarget).toBe(350);
  await receive(20, 100, 0);
  expect(receiver.jitterBufferTarget).toBeNull();
  await receive(5, 100, 10);
  expect(receiver.jitterBufferTarget).toBe(260);
});

test('nothing is set once it was stopped', async () => {
  await receive(2, 100, 0);
  await receive(2, 100, 10);
  delay.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(receiver.jitterBufferTarget).toBe(60);
});

test('a single bad second, and a picture that is hardly sent, change nothing', async () => {
  await receive(3, 100, 0);
  await receive(1, 100, 30);
  await receive(3, 100, 0);
  await receive(5, 3, 3);
  expect(receiver.jitterBufferTarget).toBeNull();
});

test('browsers that cannot wait longer are left alone', async () => {
  Reflect.deleteProperty(receiver, 'jitterBufferTarget');
  await receive(5, 100, 20);
  expect('jitterBufferTarget' in receiver).toBe(false);
});
