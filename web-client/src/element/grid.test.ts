import { expect, test } from 'vitest';
import { gridLayout, pinnedLayout } from './grid';

const DESKTOP = [1280, 620] as const;
const PHONE = [374, 630] as const;
const WIDE = [1900, 800] as const;

test.each([
  ['one person has all of a desktop', 1, DESKTOP, 1],
  ['two stand side by side on a desktop', 2, DESKTOP, 2],
  ['the third goes below on a desktop, rather than all being cut narrow', 3, DESKTOP, 2],
  ['nine make a square', 9, DESKTOP, 3],
  ['two stand on each other on a phone', 2, PHONE, 1],
  ['three stand on each other on a phone', 3, PHONE, 1],
  ['five on a phone take two columns', 5, PHONE, 2],
])('%s', (_, count, [width, height], columns) => {
  expect(gridLayout(count, width, height, 12).columns).toBe(columns);
});

test.each([1, 2, 3, 4, 5, 8, 12, 25])('%d tiles fit their area, gaps included', (count) => {
  for (const [width, height] of [DESKTOP, PHONE]) {
    const { columns, tileWidth, tileHeight } = gridLayout(count, width, height, 12);
    const rows = Math.ceil(count / columns);

    expect(columns * tileWidth + (columns - 1) * 12).toBeLessThanOrEqual(width);
    expect(rows * tileHeight + (rows - 1) * 12).toBeLessThanOrEqual(height);
    expect(tileWidth / tileHeight).toBeGreaterThanOrEqual(0.98);
    expect(tileWidth / tileHeight).toBeLessThanOrEqual(1.82);
  }
});

test.each([
  ['a phone upright', [374, 630], 8, 0.58, 0.82],
  ['a phone on its side', [828, 230], 8, 0.48, 0.75],
  ['a tablet', [796, 960], 8, 0.68, 0.85],
  ['a desktop', [1416, 740], 12, 0.66, 0.8],
  ['a very wide screen', [2536, 900], 12, 0.6, 0.8],
] as const)(
  '%s is made good use of by 1 to 25 people',
  (_, [width, height], gap, leastUsed, leastMean) => {
    const shares = Array.from({ length: 25 }, (_, index) => {
      const { tileWidth, tileHeight } = gridLayout(index + 1, width, height, gap);
      return ((index + 1) * tileWidth * tileHeight) / (width * height);
    });

    expect(Math.min(...shares)).toBeGreaterThan(leastUsed);
    expect(shares.reduce((sum, share) => sum + share, 0) / 25).toBeGreaterThan(leastMean);
  },
);

test('an area that is not laid out yet gives tiles no size', () => {
  expect(gridLayout(3, 0, 0, 12)).toEqual({ columns: 1, tileWidth: 0, tileHeight: 0 });
});

test.each([1, 2, 5, 12, 25])('of %d one is large, and the others fit below or beside', (count) => {
  for (const [width, height] of [DESKTOP, PHONE, WIDE]) {
    const { pinned, tile, isBeside } = pinnedLayout(count, width, height, 12);
    const rows = count === 1 ? 0 : Math.ceil((count - 1) / tile.columns);

    if (isBeside) {
      expect(pinned.tileHeight).toBe(height);
      expect(pinned.tileWidth + tile.columns * (tile.tileWidth + 12)).toBeLessThanOrEqual(
        width + 1,
      );
      expect(rows * tile.tileHeight + (rows - 1) * 12).toBeLessThanOrEqual(height);
    } else {
      expect(pinned.tileWidth).toBe(width);
      expect(pinned.tileHeight + rows * (tile.tileHeight + 12)).toBeLessThanOrEqual(height + 1);
    }
    expect(pinned.tileWidth * pinned.tileHeight).toBeGreaterThan(0.7 * width * height - 12 * width);
    if (count > 1) expect(tile.tileWidth).toBeGreaterThan(24);
  }
});

test('the others are below on a phone, and beside on a screen that is wide', () => {
  expect(pinnedLayout(4, ...PHONE, 12).isBeside).toBe(false);
  expect(pinnedLayout(4, ...WIDE, 12).isBeside).toBe(true);
});
