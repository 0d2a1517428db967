/**
 * In how many columns `count` tiles are shown largest, in an area of `width`
 * by `height` px, if each is to hold a picture of 4:3.
 */
export function gridColumns(count: number, width: number, height: number): number {
  let best = 1;
  let bestScale = 0;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min(width / columns / 4, height / rows / 3);
    if (scale > bestScale) {
      best = columns;
      bestScale = scale;
    }
  }
  return best;
}
