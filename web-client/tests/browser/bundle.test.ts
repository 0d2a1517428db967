import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

test('what encrypts takes less than 90 KB to load', async () => {
  const folder = fileURLToPath(new URL('../../dist/assets/', import.meta.url));
  const worker = (await readdir(folder)).filter((name) => name.startsWith('e2ee-worker-'));
  const sizes = await Promise.all(
    worker.map(async (name) => gzipSync(await readFile(folder + name), { level: 9 }).length),
  );

  console.log(`the worker: ${sizes.join(', ')} bytes`);
  expect(sizes).toHaveLength(1);
  // Other cipher suites are in files of their own, which nothing asks for.
  expect(sizes[0]).toBeLessThan(90_000);
});
