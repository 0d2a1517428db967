/** How tiles are laid out; sizes in px. */
export interface GridLayout {
  readonly columns: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
}

/**
 * The layout in which `count` tiles of one size, `gap` px apart, are largest
 * in an area of `width` by `height` px. A tile is at most 16:9 wide; it is at
 * least 4:3, or square in an upright area, so that little of a person is cut.
 */
export function gridLayout(count: number, width: number, height: number, gap: number): GridLayout {
  const narrowest = height > width ? 1 : 4 / 3;
  let best: GridLayout = { columns: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = Math.max(0, (width - gap * (columns - 1)) / columns);
    const cellHeight = Math.max(0, (height - gap * (rows - 1)) / rows);
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * WIDEST));
    const tileHeight = Math.floor(Math.min(cellHeight, tileWidth / narrowest));
    if (tileWidth * tileHeight > best.tileWidth * best.tileHeight) {
      best = { columns, tileWidth, tileHeight };
    }
  }
  return best;
}

/** The layout with one of `count` tiles large, and the others in rows below it. */
export function pinnedLayout(
  count: number,
  width: number,
  height: number,
  gap: number,
): { readonly pinned: GridLayout; readonly tile: GridLayout } {
  const others = Math.max(0, count - 1);
  const below = others === 0 ? 0 : Math.round(height * SHARE_BELOW);
  const pinnedHeight = Math.max(0, height - below - (others === 0 ? 0 : gap));
  return {
    pinned: { columns: 1, tileWidth: width, tileHeight: pinnedHeight },
    tile: gridLayout(others, width, below, gap),
  };
}

const WIDEST = 16 / 9;
/** Of the height, for those who are not shown large. */
const SHARE_BELOW = 0.25;
