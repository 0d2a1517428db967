import type { RemoteParticipant } from '../room/participant';

/**
 * Tells who does not see them of others' deeds of one kind: the first at once, and
 * those of the moments after it together, as many clap at the same time. While
 * they go on it tells of them less and less often, so that nobody fills the ear.
 */
export class Gathering<Deed extends string> {
  readonly #tell: (people: readonly RemoteParticipant[], deeds: readonly Deed[]) => void;
  readonly #people = new Map<string, RemoteParticipant>();
  readonly #deeds = new Set<Deed>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #interval = SHORTEST;

  constructor(tell: (people: readonly RemoteParticipant[], deeds: readonly Deed[]) => void) {
    this.#tell = tell;
  }

  note(participant: RemoteParticipant, deed: Deed): void {
    if (this.#timer === undefined) {
      this.#tell([participant], [deed]);
      this.#gather();
      return;
    }
    this.#people.set(participant.id, participant);
    if (this.#deeds.size < MAX_DEEDS) this.#deeds.add(deed);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#interval = SHORTEST;
    this.#forget();
  }

  #gather(): void {
    this.#timer = setTimeout(() => {
      const people = [...this.#people.values()];
      const deeds = [...this.#deeds];
      this.#forget();
      if (people.length === 0) {
        this.#timer = undefined;
        this.#interval = SHORTEST;
        return;
      }
      this.#tell(people, deeds);
      this.#interval = Math.min(2 * this.#interval, LONGEST);
      this.#gather();
    }, this.#interval);
  }

  #forget(): void {
    this.#people.clear();
    this.#deeds.clear();
  }
}

/** More is not listened to. */
const MAX_DEEDS = 3;

// In ms.
const SHORTEST = 3_000;
const LONGEST = 24_000;
