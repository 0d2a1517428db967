import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { IS_SLOW } from '../slow-machine.ts';
import { wholeBrowsers } from '../whole-browsers.ts';

/** Who tries buttons and panels, and measures nothing. */
const UNHURRIED = [
  'green-room.test.ts',
  'in-the-room.test.ts',
  'room-views.test.ts',
  'session-rules.test.ts',
  'stays.test.ts',
];

export default defineConfig({
  test: {
    root: import.meta.dirname,
    teardownTimeout: 20_000,
    projects: [
      // Projects begin in the order of their names.
      project('beside one another', {
        include: UNHURRIED,
        fileParallelism: !IS_SLOW,
        maxWorkers: 2,
      }),
      project('one by one', { exclude: UNHURRIED }),
    ],
  },
});

function project(
  name: string,
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return { test: { name, ...wholeBrowsers(import.meta.dirname), ...options } };
}
