import { equalBytes } from './bytes';
import { committerRank, difference } from './committer';
import type { Group, Member } from './mls';
import { remember } from './remember';

/** What is to be done for the group to become those who are connected. */
export interface Step {
  /** Participants whose key packages are to be asked for. */
  readonly claim: readonly string[];
  /** The change that is to be made now, if one is. */
  readonly change: GroupChange | undefined;
}

/** Who is to be added, by which key packages, and who is to be removed. */
export interface GroupChange {
  readonly added: readonly string[];
  readonly keyPackages: readonly Uint8Array[];
  readonly removed: readonly Member[];
}

/**
 * How the group differs from those who are connected, and when it is our turn
 * to change that. Times are in ms, on the clock of the session.
 */
export class Adjustment {
  #connected: ReadonlySet<string>;
  /** Of those who were connected since this client was. */
  readonly #seen = new Set<string>();
  #graceUntil = 0;
  /** Since when members and connected differ. */
  #differsSince: number | undefined;
  /** Leaf keys of members who lost the group, and want to be added anew, by participant. */
  readonly #lost = new Map<string, Uint8Array>();
  /** Key packages to add people by. */
  readonly #claimed = new Map<string, Uint8Array>();
  /** When each key package was asked for last. */
  readonly #asked = new Map<string, number>();
  /** Participants whose key packages are no good. */
  readonly #unfit = new Set<string>();
  /** Changes are gathered until then. */
  #quietUntil = 0;

  /** `ownId` is connected. */
  constructor(ownId: string) {
    this.#connected = new Set([ownId]);
  }

  /** This client joins again; the others may be coming back too. */
  handleRejoin(now: number): void {
    this.#seen.clear();
    this.#graceUntil = now + RETURN_GRACE;
    this.#differsSince = undefined;
    this.#asked.clear();
    this.#lost.clear();
  }

  /** Who is in the room by signaling's word, this client included. */
  handleConnected(participantIds: ReadonlySet<string>): void {
    this.#connected = participantIds;
    remember(this.#seen, participantIds);
    for (const id of this.#unfit) if (!participantIds.has(id)) this.#unfit.delete(id);
  }

  /**
   * `participantId` can be added by `keyPackage`. `former` is the member that
   * it is already: it asks for itself, so it has lost the group.
   */
  handleKeyPackage(
    participantId: string,
    keyPackage: Uint8Array,
    former: Member | undefined,
  ): void {
    this.#claimed.set(participantId, keyPackage);
    this.#unfit.delete(participantId);
    if (former !== undefined) this.#lost.set(participantId, former.leafKey);
  }

  /** Somebody's key package is no good. */
  handleUnfit(participantId: string): void {
    remember(this.#unfit, [participantId]);
  }

  /** A change with these could not be made: others may have more luck. */
  handleFailure({ added }: GroupChange, now: number): void {
    remember(this.#unfit, added);
    for (const id of added) this.#lost.delete(id);
    this.#quietUntil = now + TAKEOVER;
  }

  /** The group has changed, or is about to: what differs is looked at anew. */
  handleChange(now: number): void {
    this.#differsSince = undefined;
    this.#quietUntil = now + BATCH;
  }

  /** Asks for all key packages anew. */
  forgetKeyPackages(): void {
    this.#claimed.clear();
  }

  /** What to do now. Key packages count as asked for then. */
  next(group: Group, now: number): Step {
    const { missing, gone } = this.#difference(group, now);
    for (const map of [this.#claimed, this.#asked, this.#lost]) {
      for (const id of map.keys()) if (!missing.includes(id)) map.delete(id);
    }
    if (missing.length === 0 && gone.length === 0) {
      this.#differsSince = undefined;
      return NOTHING;
    }
    this.#differsSince ??= now;
    const turn = this.#differsSince + this.#delay(group);
    if (now < turn) return NOTHING;

    const ready = missing.filter((id) => this.#claimed.has(id));
    const isComplete = ready.length === missing.length;
    const claim = missing.filter((id) => now >= this.#mayAsk(id));
    for (const id of claim) this.#asked.set(id, now);
    const isDue = now >= this.#due(turn, isComplete) && (ready.length > 0 || gone.length > 0);
    if (!isDue) return { claim, change: undefined };
    const keyPackages = ready.flatMap((id) => this.#claimed.get(id) ?? []);
    return { claim, change: { added: ready, keyPackages, removed: gone } };
  }

  /** When {@link Adjustment.next} may have something to do if nothing happens before. */
  nextTimeout(group: Group, now: number): number | undefined {
    // Those who are yet to come back count as gone then.
    const graceEnds = now < this.#graceUntil ? this.#graceUntil : Infinity;
    if (this.#differsSince === undefined) {
      return Number.isFinite(graceEnds) ? graceEnds : undefined;
    }
    const turn = this.#differsSince + this.#delay(group);
    const { missing, gone } = this.#difference(group, now);
    const ready = missing.filter((id) => this.#claimed.has(id)).length;
    if (ready === missing.length) return Math.min(this.#due(turn, true), graceEnds);
    const claim = Math.max(turn, Math.min(...missing.map((id) => this.#mayAsk(id))));
    const commit = ready > 0 || gone.length > 0 ? this.#due(turn, false) : Infinity;
    return Math.min(claim, commit, graceEnds);
  }

  #difference(group: Group, now: number): { missing: readonly string[]; gone: readonly Member[] } {
    const { missing, gone } = difference(group.members, this.#connected, group.ownLeaf);
    const lost = group.members.filter((member) => this.#isLost(member));
    const lostIds = lost.map(({ credential }) => credential.participantId);
    return {
      missing: [...missing, ...lostIds].filter((id) => !this.#unfit.has(id)),
      // After a restart of the server the others come back one by one.
      gone: gone
        .filter(
          ({ credential }) => now >= this.#graceUntil || this.#seen.has(credential.participantId),
        )
        .concat(lost),
    };
  }

  /** Whether somebody inside, who is connected, has given us a key package to be added anew. */
  #isLost({ credential: { participantId: id }, leafKey }: Member): boolean {
    const lost = this.#lost.get(id);
    return (
      lost !== undefined &&
      this.#claimed.has(id) &&
      this.#connected.has(id) &&
      equalBytes(lost, leafKey)
    );
  }

  /** How long the members before us have. */
  #delay(group: Group): number {
    return committerRank(group.members, this.#connected, group.ownLeaf) * TAKEOVER;
  }

  /** When to ask for somebody's key package; never if it is here. */
  #mayAsk(id: string): number {
    return this.#claimed.has(id) ? Infinity : (this.#asked.get(id) ?? -Infinity) + TAKEOVER;
  }

  /** When to commit what is known of by then. */
  #due(turn: number, isComplete: boolean): number {
    return Math.max(turn + (isComplete ? 0 : PATIENCE), this.#quietUntil);
  }
}

const NOTHING: Step = { claim: [], change: undefined };

/** How long changes are gathered after the last one. */
const BATCH = 100;

/** How much longer a change waits for key packages that are due. */
const PATIENCE = 300;

/** How long a member has before the next takes its place. */
const TAKEOVER = 1500;

/** How long the others have to come back after this client did. */
const RETURN_GRACE = 5000;
