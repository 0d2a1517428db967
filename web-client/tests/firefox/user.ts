import type { Role } from '../../src/index';
import type { Attendee } from '../browser/attendee';
import type { Server } from '../browser/server';
import { SLOWNESS } from '../slow-machine';

/** A page of somebody's, in either browser. */
export type Seat = Pick<Attendee, 'name' | 'evaluate' | 'open'> & {
  readonly page: { readonly keyboard: { type(text: string): Promise<void> } };
};

/** A tab of either browser. */
type Tab = Seat['page'] & {
  evaluate(work: never, argument: never): Promise<unknown>;
  goto(link: string): Promise<unknown>;
};

/** Somebody else in a tab of their own. */
export function seatAt(page: Tab, name: string): Seat {
  return {
    name,
    page,
    evaluate: (work, argument) => page.evaluate(work as never, argument as never) as Promise<never>,
    open: async (link) => {
      await page.goto(link);
    },
  };
}

/** Somebody who reads what a page shows and presses its buttons, in whatever shadow tree they are. */
export class User {
  readonly #seat: Seat;
  readonly #patienceMs: number;
  readonly #everyMs: number;

  /** Looks every `everyMs` for what is to be seen, and for `patienceMs` at most. */
  constructor(seat: Seat, { patienceMs = PATIENCE_MS, everyMs = 50 } = {}) {
    this.#seat = seat;
    this.#patienceMs = patienceMs;
    this.#everyMs = everyMs;
  }

  get name(): string {
    return this.#seat.name;
  }

  /** Loads the page anew, which a change of the fragment alone does not. */
  async visit(link: string): Promise<void> {
    await this.#seat.open('about:blank');
    await this.#seat.open(link);
  }

  /** Comes into `room` by a link of the clinic's. */
  async comes(server: Server, room: string, role: Role, name: string): Promise<void> {
    const link = server.link(await server.token(room, role));
    await this.visit(`${link}&name=${encodeURIComponent(name)}`);
  }

  /** Resolves once something that `selector` finds is shown and has these words in it. */
  async sees(selector: string, words = ''): Promise<void> {
    let shown: readonly string[] = [];
    await this.#until(
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
    await this.#until(
      async () => {
        shown = await this.reads(selector);
        return !shown.some((text) => text.includes(words));
      },
      () => `${this.name} still sees at ${selector}: ${JSON.stringify(shown)}`,
    );
  }

  /** Presses the first of that kind, as soon as there is one and it can be pressed. */
  async presses(selector: string, words = ''): Promise<void> {
    await this.#until(
      () => this.#seat.evaluate(press, { selector, words }),
      () => `${this.name} has no ${selector} with “${words}” to press`,
    );
  }

  /** Puts the keyboard on the first of that kind, as soon as there is one, and types. */
  async writes(selector: string, text: string): Promise<void> {
    await this.#until(
      () => this.#seat.evaluate(focus, selector),
      () => `${this.name} has no ${selector} to write in`,
    );
    await this.#seat.page.keyboard.type(text);
  }

  /** The words, and the spoken names, of all that `selector` finds and that is shown now. */
  reads(selector: string): Promise<string[]> {
    return this.#seat.evaluate(read, selector);
  }

  /** Resolves once `isSo` is, and fails with what `otherwise` says after some seconds. */
  async #until(isSo: () => Promise<boolean>, otherwise: () => string): Promise<void> {
    const deadline = Date.now() + this.#patienceMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(otherwise());
      await new Promise((resolve) => setTimeout(resolve, this.#everyMs));
    }
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

/** Runs in the page: whether there was something to put the keyboard on. */
function focus(selector: string): boolean {
  const trees: (Document | ShadowRoot)[] = [document];
  for (const tree of trees) {
    for (const { shadowRoot } of tree.querySelectorAll('*')) {
      if (shadowRoot !== null) trees.push(shadowRoot);
    }
  }
  const field = trees
    .flatMap((tree) => [...tree.querySelectorAll<HTMLElement>(selector)])
    .find((element) => element.checkVisibility({ visibilityProperty: true }));
  field?.focus();
  return field !== undefined;
}

/** Far more than anything takes: no bar is kept by it. */
const PATIENCE_MS = SLOWNESS * 20_000;
