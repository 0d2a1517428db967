/** In ms, of a piece of work that takes some 30 ms on a usual core. */
function quickest(tries: number): number {
  let best = Infinity;
  for (let at = 0; at < tries; at += 1) {
    const start = performance.now();
    let number = at;
    for (let step = 0; step < 2e7; step += 1) number = (number * 31 + step) | 0;
    if (number === 0.5) return 0;
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** A usual core takes half as long. */
const SLOW_MS = 65;

/**
 * Whether this machine is far slower than those on which tests run side by
 * side in time: two files of three browsers each would starve one another.
 */
export const IS_SLOW = quickest(3) > SLOW_MS;

/** Times what a usual machine takes at most. */
export const SLOWNESS = IS_SLOW ? 3 : 1;
