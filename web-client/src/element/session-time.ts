/**
 * Since when the person is in the session, over a reload of the page and after
 * a connection that was lost for good: a therapist goes by it. It is written
 * down, for this tab alone, only while the page is on its way.
 */
export class SessionTime {
  readonly #address: () => string;
  readonly #storage: TabStorage | undefined;
  readonly #now: () => number;
  /** Since when somebody is in. */
  #began: number | undefined;
  /** What a connection that was lost, or the page before a reload, left. */
  #kept: Kept | undefined;
  #wasIn = false;

  /**
   * `address` tells one session from another, as far as the page does;
   * `isReload` that the page is one that was here before.
   */
  constructor(
    address: () => string,
    isReload = wasReloaded(),
    storage: TabStorage | undefined = tabStorage(),
    now = (): number => Date.now(),
  ) {
    this.#address = address;
    this.#storage = storage;
    this.#now = now;
    // A tab can be doubled, and who came by a link means another session.
    const kept = this.#take();
    if (isReload) this.#kept = kept;
  }

  /** For how long, in ms; `undefined` while nobody is in. */
  get elapsed(): number | undefined {
    return this.#began === undefined ? undefined : this.#now() - this.#began;
  }

  /** The person is in: it goes on where it was left shortly before. */
  handleConnected(): void {
    this.#wasIn = true;
    this.#began ??= this.#goesOn() ?? this.#now();
    this.#kept = undefined;
    this.#take();
  }

  /** The connection is lost through no wish of anybody's, and the person may be back soon. */
  handleLost(): void {
    if (this.#began === undefined) return;
    this.#kept = {
      address: fingerprint(this.#address()),
      began: this.#began,
      left: this.#now(),
    };
    this.#began = undefined;
  }

  /** The page goes away, and may be loaded anew. */
  handlePageHide(): void {
    this.handleLost();
    if (this.#kept === undefined) return;
    try {
      this.#storage?.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // It is full or forbidden: the time begins anew.
    }
  }

  /** The stay goes with what showed it. */
  handleRemoved(): void {
    if (this.#began !== undefined) this.forget();
  }

  /** Another person may come. What a reload left waits for the page to say who that is. */
  handleAnother(): void {
    if (this.#wasIn) this.forget();
  }

  /** The stay is over: the next one begins anew. */
  forget(): void {
    this.#began = undefined;
    this.#kept = undefined;
    this.#take();
  }

  #goesOn(): number | undefined {
    if (this.#kept?.address !== fingerprint(this.#address())) return undefined;
    const { began, left } = this.#kept;
    const now = this.#now();
    const isRecent = now >= left && now - left <= PATIENCE;
    const isSound = began <= left && now - began <= LONGEST;
    return isRecent && isSound ? began : undefined;
  }

  /** Reads and erases what is written down, which may be another version's, or anybody's. */
  #take(): Kept | undefined {
    try {
      const text = this.#storage?.getItem(KEY) ?? '{}';
      this.#storage?.removeItem(KEY);
      const { address = '', began = NaN, left = NaN } = JSON.parse(text) as Partial<Kept>;
      return { address, began, left };
    } catch {
      return undefined;
    }
  }
}

type TabStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Times as `Date.now()` has them. */
interface Kept {
  readonly address: string;
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

function wasReloaded(): boolean {
  const [navigation] = performance.getEntriesByType('navigation');
  const { type } = (navigation ?? {}) as Partial<PerformanceNavigationTiming>;
  return type === 'reload' || type === 'back_forward';
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
