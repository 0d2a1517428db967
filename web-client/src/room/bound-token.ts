import type { Environment } from '../browser/environment';
import { createIdentity, type Identity } from '../e2ee/identity';
import { requestToken } from '../e2ee/token-request';
import type { RoomOptions } from './options';

/** A token of the backend's for a key of this browser's, which may be made ahead. */
export class BoundToken {
  readonly #options: RoomOptions;
  readonly #environment: Environment;
  #prepared: Promise<Identity> | undefined;

  constructor(options: RoomOptions, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Makes the key. Idempotent; what fails is tried again by {@link BoundToken.request}. */
  prepare(): void {
    this.#prepared ??= createIdentity(this.#options, this.#environment);
    this.#prepared.catch(() => undefined);
  }

  /** Asks at `url`, once. Rejects as {@link createIdentity} and {@link requestToken} do. */
  async request(url: string | URL): Promise<{ token: string; identity: Identity }> {
    const identity = await this.#identity();
    try {
      const token = await requestToken(url, identity.thumbprint, this.#environment.fetch);
      return { token, identity };
    } catch (reason) {
      identity.close();
      throw reason;
    }
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

  #identity(): Promise<Identity> {
    const create = (): Promise<Identity> => createIdentity(this.#options, this.#environment);
    return this.#prepared?.catch(create) ?? create();
  }
}
