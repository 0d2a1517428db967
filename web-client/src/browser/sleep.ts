/** Calls `listener` after the device has slept; the returned function ends that. */
export function watchSleep(listener: () => void): () => void {
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    const gap = now - last;
    last = now;
    if (gap > LONGEST_GAP) listener();
  }, INTERVAL);
  return () => {
    clearInterval(timer);
  };
}

// In ms.
const INTERVAL = 1000;
/** Longer than a busy device leaves between two looks, shorter than what a path survives. */
const LONGEST_GAP = 8000;
