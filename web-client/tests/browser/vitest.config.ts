import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { tsMlsCorrection } from '../../build/ts-mls-correction.ts';

export default defineConfig({
  plugins: [tsMlsCorrection()],
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['*.test.ts'],
    // Each participant is a whole browser: two files at once would starve one another on two cores.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // Else it is loaded past the plugins.
    server: { deps: { inline: ['ts-mls'] } },
    // Node 20 has a WebSocket of the web's kind behind this only.
    execArgv: ['--experimental-websocket'],
  },
});
