import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

test('what a page loads at first, SDK and element, takes less than 100 KB', async () => {
  const folder = fileURLToPath(new URL('../../dist/', import.meta.url));
  const scripts = (await readdir(folder + 'assets')).filter((name) => /^client-.*\.js$/.test(name));
  const files = ['quietroom.js', ...scripts.map((name) => `assets/${name}`)];
  const sizes = await Promise.all(
    files.map(async (name) => gzipSync(await readFile(folder + name), { level: 9 }).length),
  );
  const size = sizes.reduce((sum, one) => sum + one, 0);

  console.log(`the element with the SDK: ${size} bytes`);
  expect(scripts).toHaveLength(1);
  expect(size).toBeLessThan(100_000);
});

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
