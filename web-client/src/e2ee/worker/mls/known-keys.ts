import { toBase64url } from './base64url';
import type { Person } from './mls';

/**
 * Who was in the room's group during a stay, each under the key that it had
 * first. An id is chosen for a stay and a key lives as long, so an id with a
 * second key is somebody else's.
 */
export class KnownKeys {
  readonly #keys = new Map<string, string>();

  /** Whether `person` is unknown, or still who it was. */
  allows({ credential: { participantId }, signatureKey }: Person): boolean {
    const known = this.#keys.get(participantId);
    return known === undefined || known === toBase64url(signatureKey);
  }

  note(person: Person): void {
    const { participantId } = person.credential;
    const key = this.#keys.get(participantId) ?? toBase64url(person.signatureKey);
    // Whoever was there last is kept for longest.
    this.#keys.delete(participantId);
    this.#keys.set(participantId, key);
    for (const id of this.#keys.keys()) {
      if (this.#keys.size <= MAX_KNOWN) break;
      this.#keys.delete(id);
    }
  }
}

/** Many times what a group holds, so that members are always known. */
export const MAX_KNOWN = 4096;
