import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** What they take of the processor is measured. */
const MEASURED = ['cost.test.ts'];

export default defineConfig({
  test: {
    root: import.meta.dirname,
    projects: [
      project('two at a time', { exclude: MEASURED, maxWorkers: 2 }),
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
