import { toBase64url } from './base64url';
import type { Identity, OwnKeyPackage } from './mls';

/** The wait to be added by a member, and the key packages given for it. Times are in ms. */
export class Entry {
  readonly #identity: Identity;
  /** Each is good for one welcome; the newest last. */
  #keyPackages: readonly OwnKeyPackage[] = [];
  /** When to ask once more. */
  #askAt: number | undefined;
  #tries = 0;

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** Those that a welcome may have been made by. */
  get keyPackages(): readonly OwnKeyPackage[] {
    return this.#keyPackages;
  }

  /** When to ask once more, while this client is in no group. */
  get askAt(): number | undefined {
    return this.#askAt;
  }

  /** As it is sent. The others have some time to make use of it. */
  async createKeyPackage(now: number): Promise<string> {
    const keyPackage = await this.#identity.createKeyPackage();
    this.#keyPackages = [...this.#keyPackages, keyPackage].slice(-MAX_KEY_PACKAGES);
    this.#askAt ??= now + ENTRY;
    return toBase64url(keyPackage.message);
  }

  /** Plans the next time to ask, later from time to time. */
  retry(now: number): void {
    this.#tries += 1;
    this.#askAt = now + Math.min(ENTRY * 1.5 ** this.#tries, MAX_ENTRY);
  }

  /** The first welcome was of no use: asks again soon. */
  handleUselessWelcome(now: number): void {
    if (this.#tries === 0) this.#askAt = now + SOON;
  }

  /** A welcome was of use: what it was made by is used up. */
  handleWelcome(): void {
    this.#keyPackages = [];
  }

  /** Nothing is waited for. */
  stop(): void {
    this.#askAt = undefined;
    this.#tries = 0;
  }

  /** It is time to ask; nothing is planned after that. */
  handleTimeout(): void {
    this.#askAt = undefined;
  }
}

/** How long the others have to add us before we ask again; grows. */
const ENTRY = 3000;
const MAX_ENTRY = 10_000;

/** After a welcome that was of no use. */
const SOON = 100;

/** A welcome may come for one that was given much earlier: each who would add us asks for its own. */
const MAX_KEY_PACKAGES = 16;
