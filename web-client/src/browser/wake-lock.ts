/** The part of `navigator` that is used; older browsers have no `wakeLock`. */
export interface WakeLockAccess {
  readonly wakeLock?: Pick<WakeLock, 'request'>;
}

/**
 * Keeps the screen on, as far as the browser lets it, until the returned
 * function is called. Browsers let go of it while the page is hidden.
 */
export function keepScreenOn(access: WakeLockAccess, page: Document): () => void {
  let isOver = false;
  let held: WakeLockSentinel | undefined;
  const hold = (): void => {
    if (isOver || page.hidden || held?.released === false) return;
    access.wakeLock?.request('screen').then(
      (sentinel) => {
        // Of two that were asked for one after the other, one is enough.
        if (isOver || held?.released === false) void sentinel.release();
        else held = sentinel;
      },
      // A battery that is low is a reason to refuse.
      () => undefined,
    );
  };
  page.addEventListener('visibilitychange', hold);
  hold();
  return () => {
    isOver = true;
    page.removeEventListener('visibilitychange', hold);
    void held?.release();
  };
}
