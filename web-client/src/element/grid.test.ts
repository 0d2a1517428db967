import { expect, test } from 'vitest';
import { gridColumns } from './grid';

test.each([
  ['one person has all of it', 1, 1280, 700, 1],
  ['two stand side by side on a desktop', 2, 1280, 700, 2],
  ['two stand on each other on a phone', 2, 390, 700, 1],
  ['four make a square', 4, 1280, 700, 2],
  ['five on a phone take two columns', 5, 390, 700, 2],
  ['an area not laid out yet has one column', 3, 0, 0, 1],
])('%s', (_, count, width, height, expected) => {
  expect(gridColumns(count, width, height)).toBe(expected);
});
