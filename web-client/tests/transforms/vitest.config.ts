import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // One browser at a time: several would starve each other of the processor.
    fileParallelism: false,
    root: import.meta.dirname,
    include: ['*.test.ts'],
    testTimeout: 40_000,
    hookTimeout: 30_000,
  },
});
