import type { Environment } from '../browser/environment';
import { lifetime } from '../e2ee/credential';
import { createIdentity, type Identity } from '../e2ee/identity';
import { requestToken } from '../e2ee/token-request';
import type { RoomOptions } from './options';

/**
 * A token of the backend's for a key of this browser's, which may be made ahead.
 * It need not outlive the stay: where it has expired when it is joined again,
 * the backend is asked for another one for the same key.
 */
export class BoundToken {
  readonly #options: RoomOptions;
  readonly #environment: Environment;
  #prepared: Promise<Identity> | undefined;
  /** Who gives tokens for which key; absent where a token was given to us. */
  #source: { readonly url: string | URL; readonly thumbprint: string } | undefined;
  #token: string | undefined;
  /** By this computer's clock, in ms. */
  #expiresAt = Infinity;
  /** No server has taken it yet. */
  #isUntried = true;
  #renewal: Promise<string> | undefined;

  constructor(options: RoomOptions, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Makes the key. Idempotent; what fails is tried again by {@link BoundToken.request}. */
  prepare(): void {
    this.#prepared ??= createIdentity(this.#options, this.#environment);
    this.#prepared.catch(() => undefined);
  }

  /** Asks at `url`. Rejects as {@link createIdentity} and {@link requestToken} do. */
  async request(url: string | URL): Promise<{ token: string; identity: Identity }> {
    const identity = await this.#identity();
    try {
      this.#source = { url, thumbprint: identity.thumbprint };
      return { token: await this.#ask(this.#source), identity };
    } catch (reason) {
      identity.close();
      throw reason;
    }
  }

  /** A server has let us in by the token, or to the door. */
  handleAccepted(): void {
    this.#isUntried = false;
  }

  /**
   * The server says that the token has expired. Returns whether another one may
   * help: not one that is new already.
   */
  handleExpired(): boolean {
    if (this.#source === undefined || this.#isUntried) return false;
    this.#expiresAt = -Infinity;
    return true;
  }

  /**
   * The backend's newest token: another one for the same key, if the last has
   * expired or is about to; `undefined` where a token was given to us. Rejects
   * with `token-unavailable`.
   */
  async renew(): Promise<string | undefined> {
    if (this.#source === undefined || Date.now() < this.#expiresAt - SOON) return this.#token;
    this.#renewal ??= this.#ask(this.#source).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  /** Forgets the key that was made ahead, unless a stay has it. */
  close(): void {
    this.#prepared?.then(
      (identity) => {
        identity.close();
      },
      () => undefined,
    );
  }

  async #ask({ url, thumbprint }: { url: string | URL; thumbprint: string }): Promise<string> {
    const token = await requestToken(url, thumbprint, this.#environment.fetch);
    this.#token = token;
    this.#expiresAt = Date.now() + lifetime(token);
    this.#isUntried = true;
    return token;
  }

  #identity(): Promise<Identity> {
    const create = (): Promise<Identity> => createIdentity(this.#options, this.#environment);
    return this.#prepared?.catch(create) ?? create();
  }
}

/** Before a token expires it is about to, in ms: a join takes its time. */
const SOON = 10_000;
