import type { Attendee } from '../browser/attendee';
import { SLOWNESS } from '../slow-machine';

/** A page of somebody's, in either browser. */
export type Seat = Pick<Attendee, 'name' | 'evaluate' | 'open'>;

/** Somebody who reads what a page shows and presses its buttons, in whatever shadow tree they are. */
export class User {
  readonly #seat: Seat;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  get name(): string {
    return this.#seat.name;
  }

  /** Loads the page anew, which a change of the fragment alone does not. */
  async visit(link: string): Promise<void> {
    await this.#seat.open('about:blank');
    await this.#seat.open(link);
  }

  /** Resolves once something that `selector` finds is shown and has these words in it. */
  async sees(selector: string, words = ''): Promise<void> {
    let shown: readonly string[] = [];
    await until(
      async () => {
        shown = await this.reads(selector);
        return shown.some((text) => text.includes(words));
      },
      () => `${this.name} does not see “${words}” at ${selector}, but ${JSON.stringify(shown)}`,
    );
  }

  /** Resolves once nothing of that kind is shown. */
  async misses(selector: string, words = ''): Promise<void> {
    let shown: readonly string[] = [];
    await until(
      async () => {
        shown = await this.reads(selector);
        return !shown.some((text) => text.includes(words));
      },
      () => `${this.name} still sees at ${selector}: ${JSON.stringify(shown)}`,
    );
  }

  /** Presses the first of that kind, as soon as there is one and it can be pressed. */
  async presses(selector: string, words = ''): Promise<void> {
    await until(
      () => this.#seat.evaluate(press, { selector, words }),
      () => `${this.name} has no ${selector} with “${words}” to press`,
    );
  }

  /** The words, and the spoken names, of all that `selector` finds and that is shown now. */
  reads(selector: string): Promise<string[]> {
    return this.#seat.evaluate(read, selector);
  }
}

/** Resolves once `isSo` is, and fails with what `otherwise` says after some seconds. */
async function until(isSo: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(otherwise());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs in the page. */
function read(selector: string): string[] {
  const trees: (Document | ShadowRoot)[] = [document];
  for (const tree of trees) {
    for (const { shadowRoot } of tree.querySelectorAll('*')) {
      if (shadowRoot !== null) trees.push(shadowRoot);
    }
  }
  return trees
    .flatMap((tree) => [...tree.querySelectorAll(selector)])
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .map((element) =>
      `${element.ariaLabel ?? ''} ${element.textContent}`.replace(/\s+/g, ' ').trim(),
    );
}

/** Runs in the page: whether there was something to press. */
function press({ selector, words }: { selector: string; words: string }): boolean {
  const trees: (Document | ShadowRoot)[] = [document];
  for (const tree of trees) {
    for (const { shadowRoot } of tree.querySelectorAll('*')) {
      if (shadowRoot !== null) trees.push(shadowRoot);
    }
  }
  const button = trees
    .flatMap((tree) => [...tree.querySelectorAll<HTMLElement>(selector)])
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => !element.matches(':disabled'))
    .find((element) => `${element.ariaLabel ?? ''} ${element.textContent}`.includes(words));
  button?.click();
  return button !== undefined;
}

/** Far more than anything takes: no bar is kept by it. */
const PATIENCE_MS = SLOWNESS * 20_000;
