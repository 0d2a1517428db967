import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

import { IS_SLOW } from '../slow-machine.ts';

/** What they take of the processor is measured. */
const MEASURED = ['cost.test.ts'];

export default defineConfig({
  test: {
    root: import.meta.dirname,
    projects: [
      project('two at a time', { exclude: MEASURED, maxWorkers: IS_SLOW ? 1 : 2 }),
      project('alone', { include: MEASURED, fileParallelism: false }),
    ],
  },
});

function project(
  name: string,
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      root: import.meta.dirname,
      include: ['*.test.ts'],
      testTimeout: 40_000,
      hookTimeout: 30_000,
      ...options,
    },
  };
}
