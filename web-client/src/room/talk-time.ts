import type { Participant } from './participant';
import type { Room } from './room';

/** How much of all that was said somebody said. */
export interface TalkShare {
  /** Who spoke. */
  readonly participant: Participant;
  /** From 0 to 1. */
  readonly share: number;
}

/**
 * For how long each person in a session has spoken, by who is said to speak;
 * reckoned in this browser, and told nobody. Sums outlive interruptions and
 * stays: whoever comes back, as the clinic's token names them, goes on from there.
 */
export class TalkTime {
  /** In ms, by who somebody is. */
  readonly #spoken = new Map<string, number>();
  #speaking: readonly string[] = [];
  #since = 0;

  /**
   * Reckons what is said in `room` while this client is one of those who lead the
   * session, which they alone need; the returned function ends that. `now` gives ms.
   */
  follow(room: Room, now: () => number): () => void {
    const look = (): void => {
      // Of what is said during an interruption nothing is known.
      const isHeard = room.state === 'connected' && room.rules.permissions.has('admit');
      const speakers = isHeard ? room.speakers : [];
      this.update(
        speakers.map((speaker) => keyOf(speaker)),
        now(),
      );
    };
    const stops = [
      room.on('stateChanged', look),
      room.on('speakersChanged', look),
      room.on('participantUpdated', look),
      room.on('participantLeft', look),
      room.on('localParticipantUpdated', look),
      room.rules.on('permissionsChanged', look),
    ];
    const timer = setInterval(look, INTERVAL);
    look();
    return () => {
      for (const stop of stops) stop();
      clearInterval(timer);
      this.update([], now());
    };
  }

  /** From `now` on those in `speaking` speak, in place of those before. */
  update(speaking: readonly string[], now: number): void {
    // A computer that slept heard nobody meanwhile.
    const passed = Math.min(Math.max(0, now - this.#since), LONGEST_STEP);
    for (const key of this.#speaking) this.#spoken.set(key, this.#of(key) + passed);
    const isFull = this.#spoken.size >= MOST_PEOPLE;
    this.#speaking = [...new Set(speaking)].filter((key) => !isFull || this.#spoken.has(key));
    this.#since = now;
  }

  /**
   * Each one's share of what those in `participants` have said; absent while that is
   * less than half a minute, which says nothing.
   */
  shares(participants: readonly Participant[]): readonly TalkShare[] | undefined {
    const total = [...new Set(participants.map(keyOf))]
      .map((key) => this.#of(key))
      .reduce((sum, one) => sum + one, 0);
    if (total < LEAST) return undefined;
    return participants.map((participant) => ({
      participant,
      share: this.#of(keyOf(participant)) / total,
    }));
  }

  /** It is another session. */
  clear(): void {
    this.#spoken.clear();
    this.#speaking = [];
  }

  #of(key: string): number {
    return this.#spoken.get(key) ?? 0;
  }
}

/** The person that the clinic's token names, or the stay; this client is one and the same. */
function keyOf(participant: Participant): string {
  if (participant.isLocal) return LOCAL;
  const { id, member } = participant;
  return member?.sub === undefined ? `stay ${id}` : `person ${member.sub}`;
}

const LOCAL = 'local';

// In ms.
const INTERVAL = 5000;
const LONGEST_STEP = 15_000;
const LEAST = 30_000;

/** Far more than come to a session; a server that invents them must not fill the memory. */
const MOST_PEOPLE = 500;
