import type { ViteUserConfig } from 'vitest/config';

/**
 * How tests with whole browsers run: one file after the other, as two at once
 * would starve one another on two cores. `patience` is for one test, in ms.
 */
export function wholeBrowsers(
  root: string,
  patience = 60_000,
): NonNullable<ViteUserConfig['test']> {
  return {
    root,
    include: ['*.test.ts'],
    fileParallelism: false,
    // A second, which it is else, is soon over on a busy machine. No bar is kept by it.
    expect: { poll: { timeout: 10_000 } },
    testTimeout: patience,
    hookTimeout: patience,
    teardownTimeout: 20_000,
  };
}
