import type { Page } from 'playwright-core';

/** What a page's main thread did for a while. */
export interface FrameTimes {
  /** Milliseconds between one animation frame and the next, shortest first. */
  readonly frames: readonly number[];
  /** Milliseconds of each task over 50. */
  readonly longTasks: readonly number[];
  /** Shares of the time, by what the main thread did. */
  readonly shares: Readonly<Record<'scripts' | 'style' | 'layout' | 'all', number>>;
  /** Functions that took the most time themselves, as shares of the time, most first. */
  readonly functions: readonly (readonly [name: string, share: number])[];
}

/** Watches `page` for `milliseconds`. */
export async function frameTimes(page: Page, milliseconds: number): Promise<FrameTimes> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  await devtools.send('Profiler.enable');
  await devtools.send('Profiler.start');
  const metrics = async (): Promise<Map<string, number>> => {
    const { metrics: all } = await devtools.send('Performance.getMetrics');
    return new Map(all.map(({ name, value }) => [name, value]));
  };
  const before = await metrics();
  const [frames, longTasks] = await page.evaluate(watchFrames, milliseconds);
  const after = await metrics();
  const { profile } = await devtools.send('Profiler.stop');
  await devtools.detach();

  const spent = (name: string): number =>
    (((after.get(name) ?? 0) - (before.get(name) ?? 0)) * 1_000) / milliseconds;
  const own = new Map<string, number>();
  const names = new Map(
    profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName || '(anonymous)']),
  );
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const name = names.get(id) ?? '';
    own.set(name, (own.get(name) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  }
  const functions = [...own]
    .filter(([name]) => name !== '(idle)')
    .map(([name, microseconds]) => [name, microseconds / 1_000 / milliseconds] as const)
    .sort(([, one], [, other]) => other - one);
  return {
    frames,
    longTasks,
    shares: {
      scripts: spent('ScriptDuration'),
      style: spent('RecalcStyleDuration'),
      layout: spent('LayoutDuration'),
      all: spent('TaskDuration'),
    },
    functions,
  };
}

/** Runs in the page of any browser; where none tells of long tasks, there are none. */
export async function watchFrames(milliseconds: number): Promise<[number[], number[]]> {
  const longTasks: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration);
  });
  observer.observe({ entryTypes: ['longtask'] });
  const frames: number[] = [];
  let last = await new Promise<number>(requestAnimationFrame);
  const end = last + milliseconds;
  while (last < end) {
    const now = await new Promise<number>(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  observer.disconnect();
  return [frames.sort((one, other) => one - other), longTasks];
}
