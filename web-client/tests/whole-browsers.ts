import type { ViteUserConfig } from 'vitest/config';

import { IS_SLOW } from './slow-machine.ts';

/**
 * How tests with whole browsers run: one file after the other, as two at once
 * would starve one another on two cores. `usualPatience` is for one test, in ms; a slow
 * machine has twice that, and a second try.
 */
export function wholeBrowsers(
  root: string,
  usualPatience = 60_000,
): NonNullable<ViteUserConfig['test']> {
  const patience = IS_SLOW ? 2 * usualPatience : usualPatience;
  return {
    root,
    include: ['*.test.ts'],
    fileParallelism: false,
    // A second, which it is else, is soon over on a busy machine. No bar is kept by it.
    expect: { poll: { timeout: IS_SLOW ? 20_000 : 10_000 } },
    retry: IS_SLOW ? 1 : 0,
    testTimeout: patience,
    hookTimeout: patience,
    teardownTimeout: 20_000,
  };
}
