/** Tells of what keeps happening, of each kind at most once a `NOTICE_INTERVAL`. */
export class Notices<Kind> {
  readonly #give: (kind: Kind) => void;
  readonly #quiet = new Map<Kind, ReturnType<typeof setTimeout>>();

  constructor(give: (kind: Kind) => void) {
    this.#give = give;
  }

  /** Tells of `kind`, unless that was done just now. */
  give(kind: Kind): void {
    if (this.#quiet.has(kind)) return;
    const timer = setTimeout(() => this.#quiet.delete(kind), NOTICE_INTERVAL);
    this.#quiet.set(kind, timer);
    this.#give(kind);
  }

  /** Tells of nothing any more. */
  end(): void {
    for (const timer of this.#quiet.values()) clearTimeout(timer);
    this.#quiet.clear();
  }
}

/** In ms. */
export const NOTICE_INTERVAL = 1_000;
