import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SilenceWatch } from './silence';

let bytes: number;
let alarms: number;
let watch: SilenceWatch;

beforeEach(() => {
  vi.useFakeTimers();
  [bytes, alarms] = [0, 0];
  watch = new SilenceWatch(
    () => Promise.resolve(bytes),
    () => (alarms += 1),
  );
  watch.start();
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

/** Lets time pass in which something comes every so many ms. */
async function receive(ms: number, every: number): Promise<void> {
  for (let at = 0; at < ms; at += every) {
    bytes += 100;
    await vi.advanceTimersByTimeAsync(every);
  }
}

test('a busy path that falls silent is noticed within a second and a quarter, once', async () => {
  await receive(5_000, 60);
  await vi.advanceTimersByTimeAsync(800);
  expect(alarms).toBe(0);
  await vi.advanceTimersByTimeAsync(450);
  expect(alarms).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(alarms).toBe(1);
  expect(watch.isSilent).toBe(true);
  await receive(500, 60);
  expect(watch.isSilent).toBe(false);
});

test('a path that was quiet anyway is not', async () => {
  await receive(20_000, 1_000);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(alarms).toBe(0);
});

test('one on which only reports come any more has not fallen silent', async () => {
  await receive(5_000, 60);
  await receive(10_000, 850);
  expect(alarms).toBe(0);
});

test('gaps that do not last are none', async () => {
  for (let round = 0; round < 10; round += 1) {
    await receive(4_000, 60);
    await vi.advanceTimersByTimeAsync(700);
  }
  expect(alarms).toBe(0);
});

test('a page that was held up looks before it judges', async () => {
  await receive(5_000, 60);
  bytes += 100;
  vi.setSystemTime(Date.now() + 5_000);
  await receive(1_000, 60);
  expect(alarms).toBe(0);
});

test('it is noticed again when it was busy again', async () => {
  for (let round = 1; round <= 3; round += 1) {
    await receive(5_000, 60);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(alarms).toBe(round);
  }
});

test('nothing is noticed after the end', async () => {
  await receive(5_000, 60);
  watch.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(alarms).toBe(0);
});
