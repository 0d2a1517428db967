import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { generatedPages } from '../../build/docs.ts';
import { readReference, type Reference } from '../../build/reference.ts';

let reference: Reference;

// The compiler takes seconds, and many where others compute.
beforeAll(() => {
  reference = readReference();
}, 120_000);

test('everything that is exported says what it is', () => {
  expect(reference.undocumented).toEqual([]);
});

test('the generated pages are as the sources are: `make docs` writes them', () => {
  for (const [name, text] of generatedPages(reference)) {
    const page = readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8');
    expect(page, name).toBe(text);
  }
});
