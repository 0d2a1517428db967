import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorker } from '../e2ee/fake-worker';
import { Timers } from './timers';

let worker: FakeWorker;
let isHidden: boolean;
let timers: Timers;
const act = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  act.mockClear();
  worker = new FakeWorker();
  isHidden = true;
  timers = new Timers(() => isHidden);
  timers.useWorker(worker);
});

afterEach(() => {
  vi.useRealTimers();
});

/** What the worker was asked for. */
function asked(): { id: number; milliseconds: number }[] {
  return worker.requests.flatMap((request) =>
    request.type === 'keep-time' ? [{ id: request.id, milliseconds: request.milliseconds }] : [],
  );
}

test('in the background the worker has the time, and the page’s late timer is not needed', () => {
  timers.after(250, act);
  const [request] = asked();
  expect(request?.milliseconds).toBe(250);

  worker.report({ type: 'time', id: request?.id ?? 0 });
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(act).toHaveBeenCalledTimes(1);
});

test('a worker that says nothing is not waited for', () => {
  timers.after(250, act);
  vi.advanceTimersByTime(250);
  expect(act).toHaveBeenCalledTimes(1);

  worker.report({ type: 'time', id: asked()[0]?.id ?? 0 });
  expect(act).toHaveBeenCalledTimes(1);
});

test('a page that is seen asks no worker', () => {
  isHidden = false;
  timers.after(250, act);
  vi.advanceTimersByTime(250);

  expect(asked()).toEqual([]);
  expect(act).toHaveBeenCalledTimes(1);
});

test('what was taken back does not happen, by whichever clock', () => {
  timers.after(250, act)();
  worker.report({ type: 'time', id: asked()[0]?.id ?? 0 });
  vi.advanceTimersByTime(1000);

  expect(act).not.toHaveBeenCalled();
});

test('times that nobody asked for are not believed', () => {
  timers.after(250, act);
  worker.report({ type: 'time', id: 417 });

  expect(act).not.toHaveBeenCalled();
});
