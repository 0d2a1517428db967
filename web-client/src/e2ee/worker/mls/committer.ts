import type { Member } from './mls';

/**
 * Whose turn it is to change the group: of the members who are connected the
 * one with the lowest leaf. Returns how many come before `ownLeaf`, so 0 for
 * the one whose turn it is; the next takes over when nothing happens.
 */
export function committerRank(
  members: readonly Member[],
  connected: ReadonlySet<string>,
  ownLeaf: number,
): number {
  return members.filter(
    ({ leaf, credential }) => leaf < ownLeaf && connected.has(credential.participantId),
  ).length;
}

/** What the group lacks of being who is connected. */
export interface Difference {
  /** Participants to add. */
  readonly missing: readonly string[];
  /** Members to remove. */
  readonly gone: readonly Member[];
}

export function difference(
  members: readonly Member[],
  connected: ReadonlySet<string>,
  ownLeaf: number,
): Difference {
  const inside = new Set(members.map(({ credential }) => credential.participantId));
  return {
    missing: [...connected].filter((id) => !inside.has(id)),
    gone: members.filter(
      ({ leaf, credential }) => leaf !== ownLeaf && !connected.has(credential.participantId),
    ),
  };
}
