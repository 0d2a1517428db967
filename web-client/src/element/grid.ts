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

/** The layout with one of `count` tiles large, and the others below or beside it, where it is larger. */
export function pinnedLayout(
  count: number,
  width: number,
  height: number,
  gap: number,
): { readonly pinned: GridLayout; readonly tile: GridLayout; readonly isBeside: boolean } {
  const others = Math.max(0, count - 1);
  if (others === 0) {
    const pinned = { columns: 1, tileWidth: width, tileHeight: height };
    return { pinned, tile: gridLayout(0, width, height, gap), isBeside: false };
  }
  const below = Math.round(height * SHARE_BELOW);
  const beside = Math.round(width * SHARE_BESIDE);
  const above = { width, height: Math.max(0, height - below - gap) };
  const across = { width: Math.max(0, width - beside - gap), height };
  const isBeside = pictureArea(across) > pictureArea(above);
  const { width: tileWidth, height: tileHeight } = isBeside ? across : above;
  return {
    pinned: { columns: 1, tileWidth, tileHeight },
    tile: isBeside
      ? gridLayout(others, beside, height, gap)
      : gridLayout(others, width, below, gap),
    isBeside,
  };
}

/** Sets how large the tiles of `grid` are, by how many they are and the room that there is. */
export function layOut(grid: HTMLElement): void {
  const gap = parseFloat(getComputedStyle(grid).columnGap) || 0;
  const { childElementCount: count, clientWidth: width, clientHeight: height } = grid;
  // Beside a shared screen nobody is shown large.
  const isSharing = grid.parentElement?.classList.contains('sharing') === true;
  const isPinned = !isSharing && grid.querySelector('.pinned') !== null;
  const { tile, pinned, isBeside } = isPinned
    ? pinnedLayout(count, width, height, gap)
    : { tile: gridLayout(count, width, height, gap), pinned: undefined, isBeside: false };
  const set = (name: string, value: number): void => {
    grid.style.setProperty(name, `${value}px`);
  };
  set('--tile-width', tile.tileWidth);
  set('--tile-height', tile.tileHeight);
  set('--pinned-width', (pinned ?? tile).tileWidth);
  set('--pinned-height', (pinned ?? tile).tileHeight);
  grid.classList.toggle('beside', isBeside);
}

/** Of the largest picture of the usual shape within an area. */
function pictureArea({ width, height }: { width: number; height: number }): number {
  const shown = Math.min(width, height * WIDEST);
  return (shown * shown) / WIDEST;
}

const WIDEST = 16 / 9;
/** Of the height, for those who are not shown large. */
const SHARE_BELOW = 0.25;
/** Of the width. */
const SHARE_BESIDE = 0.24;
