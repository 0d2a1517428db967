import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { tsMlsCorrection } from '../../build/ts-mls-correction.ts';
import { IS_SLOW } from '../slow-machine.ts';
import { wholeBrowsers } from '../whole-browsers.ts';

/** Who waits, up to a minute, and does nothing else. */
const PATIENT = ['background.test.ts', 'inactivity.test.ts'];
/** Who meanwhile tries buttons and panels, and measures nothing. */
const UNHURRIED = [
  'keyboard.test.ts',
  'room-views.test.ts',
  'panels.test.ts',
  'session-rules.test.ts',
];

export default defineConfig({
  test: {
    root: import.meta.dirname,
    teardownTimeout: 20_000,
    projects: [
      // Projects begin in the order of their names.
      sideBySide('a long wait', PATIENT),
      sideBySide('beside it', UNHURRIED),
      project('one by one', { exclude: [...PATIENT, ...UNHURRIED] }),
    ],
  },
});

function sideBySide(name: string, include: string[]): TestProjectInlineConfiguration {
  return project(name, { include, fileParallelism: !IS_SLOW, maxWorkers: 2 });
}

function project(
  name: string,
  options: TestProjectInlineConfiguration['test'],
): TestProjectInlineConfiguration {
  return {
    plugins: [tsMlsCorrection()],
    test: {
      name,
      ...wholeBrowsers(import.meta.dirname),
      // Else it is loaded past the plugins.
      server: { deps: { inline: ['ts-mls'] } },
      // Node 20 has a WebSocket of the web's kind behind this only.
      execArgv: ['--experimental-websocket'],
      ...options,
    },
  };
}
