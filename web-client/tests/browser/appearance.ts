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
export interface Evaluating {
  evaluate(script: string): Promise<unknown>;
  evaluate<Result>(work: () => Result | Promise<Result>): Promise<Result>;
  evaluate<Result, Argument>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>;
}

/**
 * What axe-core finds wrong with the page: rule and place. Of `forcedColors`,
 * which are the system's, it knows nothing.
 */
export async function violations(page: Evaluating, forcedColors = false): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  await endTransitions(page);
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
export function overflowing(page: Evaluating): Promise<string[]> {
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

/** How many tiles are out of their place, or too small to see somebody in. */
export function misplacedTiles(page: Evaluating): Promise<number> {
  return page.evaluate(() => {
    const root = document.querySelector('quiet-room')!.shadowRoot!;
    const grid = root.querySelector('.grid')!.getBoundingClientRect();
    return [...root.querySelectorAll('.grid li')].filter((tile) => {
      const { top, bottom, left, right, width } = tile.getBoundingClientRect();
      return (
        width < 48 ||
        top < grid.top - 1 ||
        bottom > grid.bottom + 1 ||
        left < grid.left - 1 ||
        right > grid.right + 1
      );
    }).length;
  });
}

/** Has the page speak some of a language that is written from right to left. */
export async function speakArabic(page: Evaluating): Promise<void> {
  // As text: the tests' own loader would take the import for itself.
  await page.evaluate(`(async () => {
    const { addLanguage, english } = await import(new URL('quietroom.js', location.href).href);
    addLanguage({ ...english, language: 'ar', direction: 'rtl', mute: '${ARABIC_MUTE}' });
    document.querySelector('quiet-room').lang = 'ar';
  })()`);
}

/** What a clinic puts beside the pictures. */
export function putNotes(page: Evaluating): Promise<void> {
  return page.evaluate(() => {
    const notes = document.createElement('label');
    notes.slot = 'panel';
    notes.innerHTML = 'Notes <textarea rows="6"></textarea>';
    document.querySelector('quiet-room')!.append(notes);
  });
}

/** The colours of a clinic's light page, by the names after `--quiet-room-`. */
export const LIGHT = [
  ['background', '#ffffff'],
  ['text', '#14202b'],
  ['accent', '#0b5d8a'],
  ['accent-text', '#ffffff'],
  ['focus', '#b35c00'],
  ['notice', '#fff1cf'],
  ['notice-text', '#4a3200'],
] as const;

export const ARABIC_MUTE = 'كتم الصوت';

/** What moves by the style rules while `work` is done, through all shadow roots: what it is, and of what. */
export async function motions(page: Evaluating, work: () => Promise<void>): Promise<string[]> {
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

/** Brings what changes little by little to its end: half-way its colours are nobody's choice. */
export async function endTransitions(page: Evaluating): Promise<void> {
  await page.evaluate(async () => {
    // The layout follows the size in another frame, and the picture the layout.
    for (let frame = 0; frame < 3; frame++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    const roots: (Document | ShadowRoot)[] = [document];
    for (const root of roots) {
      for (const animation of root.getAnimations()) {
        if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish();
      }
      for (const { shadowRoot } of root.querySelectorAll('*')) {
        if (shadowRoot !== null) roots.push(shadowRoot);
      }
    }
  });
}

/** Puts a picture of the page into the folder that `QUIETROOM_SCREENSHOTS` names, if it does. */
export async function picture(page: Page, name: string): Promise<void> {
  await endTransitions(page);
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
