import type { RemoteParticipant } from '../room/participant';

/** Those who came and those who went within one while. */
export interface ComingsAndGoings {
  readonly came: readonly RemoteParticipant[];
  readonly went: readonly RemoteParticipant[];
  /** Those who went without wanting to: the connection was gone before. */
  readonly lost: readonly RemoteParticipant[];
}

/**
 * Who comes and goes, told together after a while: a name comes later than the
 * person, and a screen reader that tells of each of many is heard no more.
 */
export class Comings {
  readonly #tell: (news: ComingsAndGoings) => void;
  readonly #came = new Map<string, RemoteParticipant>();
  readonly #went = new Map<string, RemoteParticipant>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (news: ComingsAndGoings) => void) {
    this.#tell = tell;
  }

  handleJoined(participant: RemoteParticipant): void {
    this.#note(participant, this.#came, this.#went);
  }

  handleLeft(participant: RemoteParticipant): void {
    this.#note(participant, this.#went, this.#came);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#came.clear();
    this.#went.clear();
  }

  /** Who does one and then the other is as before. */
  #note(
    participant: RemoteParticipant,
    to: Map<string, RemoteParticipant>,
    from: Map<string, RemoteParticipant>,
  ): void {
    if (!from.delete(participant.id)) to.set(participant.id, participant);
    this.#timer ??= setTimeout(() => {
      const came = [...this.#came.values()];
      const gone = [...this.#went.values()];
      this.clear();
      if (came.length + gone.length === 0) return;
      this.#tell({
        came,
        went: gone.filter(({ hasLostConnection }) => !hasLostConnection),
        lost: gone.filter(({ hasLostConnection }) => hasLostConnection),
      });
    }, COLLECTED_FOR);
  }
}

/** In ms. */
const COLLECTED_FOR = 3000;
