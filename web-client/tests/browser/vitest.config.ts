import { defineConfig } from 'vitest/config';
import { tsMlsCorrection } from '../../build/ts-mls-correction.ts';
import { wholeBrowsers } from '../whole-browsers.ts';

export default defineConfig({
  plugins: [tsMlsCorrection()],
  test: {
    ...wholeBrowsers(import.meta.dirname),
    // Else it is loaded past the plugins.
    server: { deps: { inline: ['ts-mls'] } },
    // Node 20 has a WebSocket of the web's kind behind this only.
    execArgv: ['--experimental-websocket'],
  },
});
