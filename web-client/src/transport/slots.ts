import type { SlotAssignment } from '../signaling/protocol/SlotAssignment';

/** That a slot got another occupant; an absent one is nobody. */
export interface SlotChange {
  readonly slot: number;
  readonly previous: string | undefined;
  readonly occupant: string | undefined;
}

/** Who is in which slot. A participant is in one slot at most. */
export class SlotTable {
  #occupants: (string | undefined)[];

  constructor(size: number) {
    this.#occupants = new Array<undefined>(size).fill(undefined);
  }

  /**
   * Takes the server's assignments over, all at once, and returns what
   * changed. Throws a `RangeError` and changes nothing if a slot is not there.
   */
  assign(assignments: readonly SlotAssignment[]): SlotChange[] {
    const next = [...this.#occupants];
    for (const { slot, participantId } of assignments) {
      if (slot >= next.length) {
        throw new RangeError(`slot ${slot} is not one of ${next.length}`);
      }
      if (participantId !== null) {
        const former = next.indexOf(participantId);
        if (former >= 0) next[former] = undefined;
      }
      next[slot] = participantId ?? undefined;
    }
    return this.#replace(next);
  }

  /** Empties the slot of somebody who left. */
  remove(participantId: string): SlotChange[] {
    return this.#replace(
      this.#occupants.map((occupant) => (occupant === participantId ? undefined : occupant)),
    );
  }

  /** The slots that have somebody in them. */
  get takenSlots(): number[] {
    return this.#occupants.flatMap((occupant, slot) => (occupant === undefined ? [] : slot));
  }

  /** Who is in a slot; nobody in one that is not there. */
  occupantOf(slot: number): string | undefined {
    return this.#occupants[slot];
  }

  slotOf(participantId: string): number | undefined {
    const slot = this.#occupants.indexOf(participantId);
    return slot < 0 ? undefined : slot;
  }

  #replace(next: (string | undefined)[]): SlotChange[] {
    const changes = next.flatMap((occupant, slot) => {
      const previous = this.#occupants[slot];
      return previous === occupant ? [] : [{ slot, previous, occupant }];
    });
    this.#occupants = next;
    return changes;
  }
}
