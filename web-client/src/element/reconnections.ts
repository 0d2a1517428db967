import { Emitter } from '../events';
import type { RemoteParticipant } from '../room/participant';

interface ReconnectionsEvents {
  /**
   * Others are shown to be away than before. What is to be said: these are away
   * now, and those are back.
   */
  changed: [away: readonly RemoteParticipant[], back: readonly RemoteParticipant[]];
}

/** What is known of one whose connection was gone. */
interface Outage {
  /** Whether it is gone just now; what changes in a moment is neither shown nor said. */
  isGone: boolean;
  since: number;
  isShown: boolean;
  isSaid: boolean;
  /** How often it was said. */
  times: number;
}

/**
 * Whose connection is gone and has been so for a while, which may come back.
 * Several are told of at once; of a connection that comes and goes it is said
 * later each time.
 */
export class Reconnections extends Emitter<ReconnectionsEvents> {
  /** By id; also of who is not here just now and may come again. */
  readonly #outages = new Map<string, Outage>();
  #participants: readonly RemoteParticipant[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether to show that this one's connection is gone. */
  isAway({ id, isReconnecting }: RemoteParticipant): boolean {
    return isReconnecting && this.#outages.get(id)?.isShown === true;
  }

  /** Since when this one's connection is gone, by `Date.now()`, if it is, or was as the person went. */
  goneSince({ id }: RemoteParticipant): number | undefined {
    const outage = this.#outages.get(id);
    return outage?.isGone === true ? outage.since : undefined;
  }

  update(participants: readonly RemoteParticipant[]): void {
    this.#participants = participants;
    const ids = new Set(participants.map(({ id }) => id));
    for (const [id, { isSaid }] of this.#outages) {
      if (!ids.has(id) && !isSaid) this.#outages.delete(id);
    }
    for (const { id, isReconnecting } of participants) {
      const outage = this.#outages.get(id);
      if (outage !== undefined) turn(outage, isReconnecting);
      else if (isReconnecting) {
        this.#outages.set(id, {
          isGone: true,
          since: Date.now(),
          isShown: false,
          isSaid: false,
          times: 0,
        });
      }
    }
    this.#wait();
  }

  /** That they are gone for good was said: if they come again, they are not back. */
  forget(gone: readonly RemoteParticipant[]): void {
    for (const { id } of gone) this.#outages.delete(id);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#outages.clear();
    this.#participants = [];
  }

  /** Looks again for as long as something is yet to be shown or said. */
  #wait(): void {
    const isPending = this.#participants.some(({ id }) => {
      const outage = this.#outages.get(id);
      return outage !== undefined && (outage.isGone ? !isKnown(outage) : outage.isSaid);
    });
    if (isPending) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#look();
      }, LOOK_EVERY);
    } else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #look(): void {
    const away: RemoteParticipant[] = [];
    const back: RemoteParticipant[] = [];
    let hasChanged = false;
    for (const participant of this.#participants) {
      const outage = this.#outages.get(participant.id);
      if (outage === undefined) continue;
      const age = Date.now() - outage.since;
      if (outage.isGone) {
        if (age >= AWAY_FOR && !outage.isShown) {
          outage.isShown = true;
          hasChanged = true;
        }
        if (age >= patience(outage) && !outage.isSaid) {
          outage.isSaid = true;
          outage.times += 1;
          away.push(participant);
        }
      } else if (outage.isSaid && age >= BACK_FOR) {
        outage.isSaid = false;
        back.push(participant);
      }
    }
    if (hasChanged || away.length + back.length > 0) this.emit('changed', away, back);
    this.#wait();
  }
}

function turn(outage: Outage, isGone: boolean): void {
  if (outage.isGone === isGone) return;
  outage.isGone = isGone;
  outage.since = Date.now();
  outage.isShown = false;
}

function isKnown({ isShown, isSaid }: Outage): boolean {
  return isShown && isSaid;
}

/** How long it must be gone to be said. */
function patience({ times }: Outage): number {
  return Math.min(AWAY_FOR * 2 ** times, LONGEST_PATIENCE);
}

// In ms.
const AWAY_FOR = 3_000;
/** More than between two losses of a connection that comes and goes. */
const BACK_FOR = 4_000;
const LONGEST_PATIENCE = 60_000;
const LOOK_EVERY = 500;
