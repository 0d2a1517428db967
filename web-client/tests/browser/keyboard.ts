import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** What has the keyboard. */
export interface FocusStop {
  readonly name: string;
  /** A line is around it, and nothing lies on it (WCAG 2.2, 2.4.7 and 2.4.11). */
  readonly isShown: boolean;
}

/** Nothing when nothing in the page has the keyboard. */
export function focusStop(page: Page): Promise<FocusStop | undefined> {
  return page.evaluate(() => {
    let root: Document | ShadowRoot = document;
    let element: Element | null = null;
    while (root.activeElement !== null) {
      element = root.activeElement;
      if (element.shadowRoot === null) break;
      root = element.shadowRoot;
    }
    if (!(element instanceof HTMLElement) || element === document.body) return undefined;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { left, top, width, height } = element.getBoundingClientRect();
    const shown = root.elementFromPoint(left + width / 2, top + height / 2);
    const isOnTop = shown !== null && (element.contains(shown) || shown.contains(element));
    const labelled = element.getAttribute('aria-labelledby');
    const label = labelled === null ? null : root.querySelector(`#${labelled}`);
    const { labels = null } = element as Partial<Pick<HTMLInputElement, 'labels'>>;
    const text = (label ?? labels?.[0] ?? element).textContent;
    return {
      name: element.ariaLabel ?? text.replace(/\s+/g, ' ').trim(),
      isShown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && isOnTop,
    };
  });
}

/** Resolves when what is called `name` has the keyboard, to be seen, without a press. */
export async function hasKeyboard(page: Page, name: string): Promise<void> {
  await expect.poll(() => focusStop(page), POLL).toEqual({ name, isShown: true });
}

/** Presses Tab until what is called `name` has the keyboard; it is to be seen at every stop. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const stops: string[] = [];
  for (let presses = 0; presses < MOST_PRESSES; presses++) {
    await page.keyboard.press('Tab');
    const stop = await focusStop(page);
    // The page's end.
    if (stop === undefined) continue;
    stops.push(stop.name);
    expect(stop, `after ${stops.join(', ')}`).toMatchObject({ isShown: true });
    if (stop.name === name) return;
  }
  throw new Error(`${name} is not among ${stops.join(', ')}`);
}

/** As {@link tabTo}, and presses it. */
export async function press(page: Page, name: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
}

const MOST_PRESSES = 60;
const POLL = { timeout: 10_000, interval: 30 };
