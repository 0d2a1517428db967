import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { tsMlsCorrection } from './build/ts-mls-correction.ts';

export default defineConfig({
  root: 'demo',
  // Relative, so that the files work under any path of a clinic's own server.
  base: './',
  plugins: [tsMlsCorrection()],
  build: {
    outDir: resolve(import.meta.dirname, 'dist'),
    emptyOutDir: true,
    target: 'es2022',
    // The polyfill and inlined assets would need a looser content security policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      preserveEntrySignatures: 'strict',
      input: {
        demo: resolve(import.meta.dirname, 'demo/index.html'),
        quietroom: resolve(import.meta.dirname, 'src/script.ts'),
      },
      output: {
        entryFileNames: (chunk) =>
          chunk.name === 'quietroom' ? 'quietroom.js' : 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/client-[hash].js',
      },
    },
  },
  worker: {
    format: 'es',
    plugins: () => [tsMlsCorrection()],
    rolldownOptions: { output: { entryFileNames: 'assets/e2ee-worker-[hash].js' } },
  },
  test: {
    root: import.meta.dirname,
    include: [
      'src/**/*.test.ts',
      'demo/**/*.test.ts',
      'tests/vectors/*.test.ts',
      'tests/documentation/*.test.ts',
    ],
    // Longer than any of them waits for something, on a busy machine too.
    testTimeout: 20_000,
    // Else it is loaded past the plugins.
    server: { deps: { inline: ['ts-mls'] } },
  },
});
