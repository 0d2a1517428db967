import type { ClientState, Credential as MlsCredential, LeafNode, Proposal } from 'ts-mls';
import { MAX_LEAVES } from '../sframe/key-id';
import { equalBytes } from './bytes';
import { decodeCredential, equalCredentials, type Credential } from './credential';
import { RefusedError, type Change, type GroupPolicy, type Member } from './mls';

/** What is asked of a group beyond what ts-mls asks, and who is in it. */

/**
 * What is asked of every state of a group before it is in force: everybody is
 * of one room, known by an id of its own, and may be there by `policy`.
 */
export function requireSound(state: ClientState, room: string, policy: GroupPolicy): void {
  if (leafCountOf(state) > MAX_LEAVES) throw new RefusedError('more members than have keys');
  const members = membersOf(state);
  const leaves = state.ratchetTree.filter((node) => node?.nodeType === 'leaf').length;
  if (members.length !== leaves) throw new RefusedError('an unknown credential');
  if (members.some(({ credential }) => credential.room !== room)) {
    throw new RefusedError('a group of another room');
  }
  if (new Set(members.map(({ credential }) => credential.participantId)).size !== leaves) {
    throw new RefusedError('two members under one id');
  }
  if (!members.every((member) => policy.mayBelong(member))) {
    throw new RefusedError('somebody who may not be in the group');
  }
}

/**
 * A member's commit adds and removes what the policy lets it. Returns its
 * committer's leaf.
 */
export function requireAllowed(
  state: ClientState,
  senderLeaf: number | undefined,
  proposals: readonly Proposal[],
  policy: GroupPolicy,
): number {
  if (senderLeaf === undefined) throw new RefusedError('not from a member');
  const added: Credential[] = [];
  const removed: Member[] = [];
  for (const proposal of proposals) {
    if (proposal.proposalType === 'add') {
      const credential = fromMlsCredential(proposal.add.keyPackage.leafNode.credential);
      if (credential === undefined) throw new RefusedError('adds an unknown credential');
      added.push(credential);
    } else if (proposal.proposalType === 'remove') {
      removed.push(requireMember(state, proposal.remove.removed));
    } else {
      throw new RefusedError(`proposes ${String(proposal.proposalType)}`);
    }
  }
  const change: Change = { added, removed };
  if (!policy.mayCommit(requireMember(state, senderLeaf), change)) {
    throw new RefusedError('the committer may not do this');
  }
  return senderLeaf;
}

/**
 * An external commit puts a member back where it was, with the key that it
 * had, and no more. Returns its leaf.
 */
export function requireReturn(
  state: ClientState,
  returning: LeafNode,
  proposals: readonly Proposal[],
): number {
  const [removal, ...others] = proposals.filter(
    ({ proposalType }) => proposalType !== 'external_init',
  );
  if (removal?.proposalType !== 'remove' || others.length > 0) {
    throw new RefusedError('an external commit that is no return');
  }
  const former = requireMember(state, removal.remove.removed);
  const credential = fromMlsCredential(returning.credential);
  if (
    !equalBytes(former.signatureKey, returning.signaturePublicKey) ||
    credential === undefined ||
    !equalCredentials(former.credential, credential)
  ) {
    throw new RefusedError('an external commit by a stranger');
  }
  return removal.remove.removed;
}

/**
 * RFC 9420 §5.3.1: a committer may bring a new leaf, which the library lets
 * be anybody's. It stays who it was, with the key that it had.
 */
export function requireSameCommitter(
  before: ClientState,
  after: ClientState,
  committer: number,
): void {
  const former = requireMember(before, committer);
  const present = requireMember(after, committer);
  if (
    !equalBytes(former.signatureKey, present.signatureKey) ||
    !equalCredentials(former.credential, present.credential)
  ) {
    throw new RefusedError('a committer that becomes somebody else');
  }
}

/**
 * RFC 9420 §12.4: a commit that removes somebody must bring new secrets, or
 * the one who is removed could follow. Checked here too, since a release
 * candidate of the library once left them out.
 */
export function requireFreshPath(
  before: ClientState,
  after: ClientState,
  committer: number,
  proposals: readonly Proposal[],
): void {
  if (!proposals.some(({ proposalType }) => proposalType === 'remove')) return;
  const [former, present] = [before, after].map(({ ratchetTree }) => {
    const node = ratchetTree[2 * committer];
    return node?.nodeType === 'leaf' ? node.leaf : undefined;
  });
  if (
    former === undefined ||
    present?.leafNodeSource !== 'commit' ||
    equalBytes(former.hpkePublicKey, present.hpkePublicKey)
  ) {
    throw new RefusedError('a removal without new secrets');
  }
}

export function fromMlsCredential(credential: MlsCredential): Credential | undefined {
  return credential.credentialType === 'basic' && 'identity' in credential
    ? decodeCredential(credential.identity)
    : undefined;
}

export function membersOf(state: ClientState): Member[] {
  return membersIn(state.ratchetTree);
}

export function membersIn(tree: ClientState['ratchetTree']): Member[] {
  return tree.flatMap((node, index) => {
    if (node?.nodeType !== 'leaf') return [];
    const credential = fromMlsCredential(node.leaf.credential);
    if (credential === undefined) return [];
    const { signaturePublicKey: signatureKey, hpkePublicKey: leafKey } = node.leaf;
    return [{ leaf: index / 2, credential, signatureKey, leafKey }];
  });
}

export function requireMember(state: ClientState, leaf: number): Member {
  const member = membersOf(state).find((other) => other.leaf === leaf);
  if (member === undefined) throw new RefusedError(`nobody is at leaf ${leaf}`);
  return member;
}

/** Leaves of the tree, blank ones too. */
export function leafCountOf(state: ClientState): number {
  return Math.ceil(state.ratchetTree.length / 2);
}
