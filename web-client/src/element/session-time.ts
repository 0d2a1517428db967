/**
 * Since when the person is in the session, over a reload of the page and after
 * a connection that was lost for good: a therapist goes by it. Kept in this tab
 * alone, and forgotten when somebody ends their stay, or it is ended for them.
 */
export class SessionTime {
  readonly #storage: TabStorage | undefined;
  /** The tab's address. Another one's session is another one. */
  readonly #page: () => string;
  readonly #now: () => number;
  /** As `Date.now()` has it. */
  #began: number | undefined;

  constructor(
    storage: TabStorage | undefined = tabStorage(),
    page = (): string => location.href,
    now = (): number => Date.now(),
  ) {
    this.#storage = storage;
    this.#page = page;
    this.#now = now;
  }

  /** For how long, in ms; `undefined` while nobody is in. */
  get elapsed(): number | undefined {
    return this.#began === undefined ? undefined : this.#now() - this.#began;
  }

  /** The person is in: it goes on where it was left shortly before. */
  handleConnected(): void {
    this.#began ??= this.#kept() ?? this.#now();
    this.#erase();
  }

  /** The page goes away, or the connection is lost, and the person may be back soon. */
  keep(): void {
    if (this.#began === undefined) return;
    const page = fingerprint(this.#page());
    const kept: Kept = { page, began: this.#began, left: this.#now() };
    this.#began = undefined;
    try {
      this.#storage?.setItem(KEY, JSON.stringify(kept));
    } catch {
      // It is full or forbidden: the time begins anew.
    }
  }

  /** The stay is over, unless the page or the connection went first. */
  end(): void {
    if (this.#began !== undefined) this.forget();
  }

  /** The next stay is another session's. */
  forget(): void {
    this.#began = undefined;
    this.#erase();
  }

  #erase(): void {
    try {
      this.#storage?.removeItem(KEY);
    } catch {
      // Nothing was kept either.
    }
  }

  /** What stands there may be another version's, or anybody's. */
  #kept(): number | undefined {
    try {
      const kept = JSON.parse(this.#storage?.getItem(KEY) ?? '{}') as Partial<Kept>;
      const { page, began = NaN, left = NaN } = kept;
      const now = this.#now();
      const isRecent = now >= left && now - left <= PATIENCE;
      const isSound = began <= left && now - began <= LONGEST;
      return page === fingerprint(this.#page()) && isRecent && isSound ? began : undefined;
    } catch {
      return undefined;
    }
  }
}

type TabStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

interface Kept {
  readonly page: string;
  readonly began: number;
  readonly left: number;
}

function tabStorage(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    // Pages without an origin of their own may not ask.
    return undefined;
  }
}

/** Tells two addresses apart (FNV-1a, 32 bits) where neither is to be written down. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

const KEY = 'quietroom.session-time';

// In ms.

/** Who comes back later begins anew: as long as a lost connection is searched for. */
const PATIENCE = 120_000;
const LONGEST = 86_400_000;
