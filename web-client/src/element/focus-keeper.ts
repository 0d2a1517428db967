import type { ReactiveController, ReactiveElement } from 'lit';

/**
 * Gives the keyboard another place in an element's shadow root when what had it
 * goes away or can no longer be pressed, which would drop whoever has no mouse
 * at the top of the page. Places are best such that a second press of the same
 * key does nothing there.
 */
export class FocusKeeper implements ReactiveController {
  readonly #host: ReactiveElement;
  readonly #places: readonly string[];
  readonly #isOutermost: boolean;
  #focused: Element | null = null;

  /**
   * Looks for a place by each of the selectors, in their order. Where there is
   * none, `focus-lost` tells the elements around, unless those are the page's.
   */
  constructor(
    host: ReactiveElement,
    places: readonly string[],
    { isOutermost = false }: { readonly isOutermost?: boolean } = {},
  ) {
    this.#host = host;
    this.#places = places;
    this.#isOutermost = isOutermost;
    host.addController(this);
  }

  hostUpdate(): void {
    this.#focused = this.#present;
  }

  hostUpdated(): void {
    const focused = this.#focused;
    this.#focused = null;
    if (focused === null || !this.#host.isConnected) return;
    if (focused.isConnected && !focused.matches(':disabled')) return;
    const present = this.#present;
    if (present === null || present === focused) this.findPlace();
  }

  /** Gives the keyboard a place, wherever it is now. */
  findPlace(): void {
    for (const place of this.#places) {
      const found = this.#host.shadowRoot?.querySelector<HTMLElement>(place);
      found?.focus();
      if (found != null && this.#present === found) return;
    }
    if (!this.#isOutermost) tellFocusLost(this.#host);
  }

  get #present(): Element | null {
    // Lit updates what was taken out of the page too.
    return this.#host.isConnected ? (this.#host.shadowRoot?.activeElement ?? null) : null;
  }
}

/** Has what is around `element` find a place for the keyboard. */
export function tellFocusLost(element: Element): void {
  element.dispatchEvent(new CustomEvent(FOCUS_LOST, { bubbles: true, composed: true }));
}

/** Whether the keyboard is nowhere in the page. */
export function isFocusLost({ activeElement, body }: Document): boolean {
  return activeElement === null || activeElement === body;
}

const FOCUS_LOST = 'focus-lost';
