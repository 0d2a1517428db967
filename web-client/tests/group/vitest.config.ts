import { defineConfig } from 'vitest/config';
import { tsMlsCorrection } from '../../build/ts-mls-correction.ts';

export default defineConfig({
  plugins: [tsMlsCorrection()],
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    // Each waits most of the time.
    maxWorkers: 2,
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    server: { deps: { inline: ['ts-mls'] } },
    // Node 20 has a WebSocket of the web's kind behind this only.
    execArgv: ['--experimental-websocket'],
  },
});
