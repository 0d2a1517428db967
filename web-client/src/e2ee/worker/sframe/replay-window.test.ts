import { expect, test } from 'vitest';
import { seededRandom } from '../seeded-random';
import { REPLAY_WINDOW, ReplayWindow } from './replay-window';

test('each counter is taken once, in whatever order', () => {
  const window = new ReplayWindow();

  expect([5, 3, 4, 5, 3, 6, 0, 0].map((counter) => window.accept(counter))).toEqual([
    true,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
  ]);
});

test('what is too old to tell is refused', () => {
  const window = new ReplayWindow();
  window.accept(REPLAY_WINDOW + 9);

  expect(window.accept(9)).toBe(false);
  expect(window.accept(10)).toBe(true);
});

test('a window agrees with a list of all that came', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = -1;
    for (let step = 0; step < 3_000; step++) {
      const jump = random() < 0.01 ? 3 * REPLAY_WINDOW : 40;
      const counter = Math.max(0, highest + Math.floor((random() - 0.6) * jump));
      const isFresh = !seen.has(counter) && counter > highest - REPLAY_WINDOW;

      if (window.accept(counter) !== isFresh) throw new Error(`seed ${seed}, step ${step}`);
      if (isFresh) seen.add(counter);
      highest = Math.max(highest, isFresh ? counter : highest);
    }
  }
});
