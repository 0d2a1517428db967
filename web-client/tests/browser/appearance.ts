import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { Page } from 'playwright-core';

/** The element's own width, by what it is called. */
export const SIZES = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1440, height: 900 },
} as const;

/** A page of any browser. */
interface Evaluating {
  evaluate(script: string): Promise<unknown>;
  evaluate<Result>(work: () => Result | Promise<Result>): Promise<Result>;
}

/**
 * What axe-core finds wrong with the page: rule and place. Of `forcedColors`,
 * which are the system's, it knows nothing.
 */
export async function violations(page: Evaluating, forcedColors = false): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations: all } = await axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return all.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    );
  });
  return forcedColors ? found.filter((one) => !one.startsWith('color-contrast:')) : found;
}

/** What reaches out of the page to the side, or of its own button. */
export function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const within = (root: ParentNode | null | undefined): HTMLElement[] =>
      [...(root?.querySelectorAll<HTMLElement>('*') ?? [])].flatMap((element) => [
        element,
        ...within(element.shadowRoot),
      ]);
    const wide = within(document.querySelector('quiet-room')?.renderRoot).filter((element) => {
      const { right, left, width } = element.getBoundingClientRect();
      const isOutside = right > innerWidth + 1 || left < -1;
      const isCut = element.matches('button') && element.scrollWidth > element.clientWidth + 1;
      return width > 1 && (isOutside || isCut);
    });
    return wide.map(({ localName, className }) => `${localName}.${className}`);
  });
}

/** What moves by the style rules while `work` is done, through all shadow roots: what it is, and of what. */
export async function motions(page: Page, work: () => Promise<void>): Promise<string[]> {
  await page.evaluate(() => {
    const seen = new Set<string>();
    const rootsIn = (root: Document | ShadowRoot): (Document | ShadowRoot)[] => [
      root,
      ...[...root.querySelectorAll('*')].flatMap(({ shadowRoot }) =>
        shadowRoot === null ? [] : rootsIn(shadowRoot),
      ),
    ];
    const look = (): void => {
      if (window.motions === undefined) return;
      for (const animation of rootsIn(document).flatMap((root) => root.getAnimations())) {
        if (animation.playState !== 'running') continue;
        const { animationName = 'transition' } = animation as Partial<CSSAnimation>;
        const { target } = animation.effect as KeyframeEffect;
        seen.add(`${animationName} of ${target?.localName ?? ''}.${target?.className ?? ''}`);
      }
      requestAnimationFrame(look);
    };
    window.motions = seen;
    look();
  });
  await work();
  return page.evaluate(async () => {
    // What was begun last shows in the next frame.
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    const seen = [...(window.motions ?? [])];
    window.motions = undefined;
    return seen;
  });
}

declare global {
  interface Window {
    /** What {@link motions} has seen, while it looks. */
    motions: Set<string> | undefined;
  }
}

/** Puts a picture of the page into the folder that `QUIETROOM_SCREENSHOTS` names, if it does. */
export async function picture(page: Page, name: string): Promise<void> {
  // The layout follows the size in another frame, and the picture the layout.
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    for (const animation of document.getAnimations()) animation.finish();
  });
  const folder = process.env['QUIETROOM_SCREENSHOTS'];
  if (folder === undefined) return;
  // Larger pictures take a while to come.
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

interface Axe {
  run(
    context: Document,
    options: { runOnly: string[] },
  ): Promise<{
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  }>;
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
