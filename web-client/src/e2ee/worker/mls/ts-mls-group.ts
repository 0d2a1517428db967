import {
  createApplicationMessage,
  createCommit,
  emptyPskIndex,
  mlsExporter,
  processMessage,
  type CiphersuiteImpl,
  type ClientState,
  type LeafNode,
  type MLSMessage,
  type PrivateMessage,
  type Proposal,
} from 'ts-mls';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import {
  EarlyError,
  RefusedError,
  type Decrypted,
  type Group,
  type GroupPolicy,
  type Member,
  type StagedCommit,
} from './mls';
import { decode, decodeKeyPackage, encode, encodeGroupInfo, refusing } from './ts-mls-encoding';
import {
  leafCountOf,
  membersIn,
  membersOf,
  requireAllowed,
  requireFreshPath,
  requireMember,
  requireReturn,
  requireSameCommitter,
  requireSound,
} from './ts-mls-rules';

/** {@link Group} on the library ts-mls. */
export class TsMlsGroup implements Group {
  readonly #suite: CiphersuiteImpl;
  readonly #policy: GroupPolicy;
  #state: ClientState;

  constructor(suite: CiphersuiteImpl, policy: GroupPolicy, state: ClientState) {
    this.#suite = suite;
    this.#policy = policy;
    this.#state = state;
  }

  get id(): Uint8Array {
    return this.#state.groupContext.groupId;
  }

  get epoch(): bigint {
    return this.#state.groupContext.epoch;
  }

  get ownLeaf(): number {
    return this.#state.privatePath.leafIndex;
  }

  get leafCount(): number {
    return leafCountOf(this.#state);
  }

  get members(): readonly Member[] {
    return membersOf(this.#state);
  }

  get transcriptHash(): Uint8Array {
    return this.#state.groupContext.confirmedTranscriptHash;
  }

  get epochAuthenticator(): Uint8Array {
    return this.#state.keySchedule.epochAuthenticator;
  }

  export(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    const { exporterSecret } = this.#state.keySchedule;
    return mlsExporter(exporterSecret, label, context, length, this.#suite);
  }

  groupInfo(): Promise<Uint8Array> {
    return encodeGroupInfo(this.#state, this.#suite);
  }

  commit(
    keyPackages: readonly Uint8Array[],
    removedLeaves: readonly number[],
  ): Promise<StagedCommit> {
    return refusing(async () => {
      const added = keyPackages.map(decodeKeyPackage);
      const proposals: Proposal[] = [
        ...removedLeaves.map(
          (removed) => ({ proposalType: 'remove', remove: { removed } }) as const,
        ),
        ...added.map((keyPackage) => ({ proposalType: 'add', add: { keyPackage } }) as const),
      ];
      const state = this.#state;
      const { newState, commit, welcome } = await createCommit(
        { state, cipherSuite: this.#suite },
        // Encrypted, one that the server refuses would use a key and nonce that the next one uses
        // too. The server sees no more of it than of the tree, which it keeps for others.
        { extraProposals: proposals, ratchetTreeExtension: true, wireAsPublicMessage: true },
      );
      requireSound(newState, this.#own.credential.room, this.#policy);
      requireFreshPath(state, newState, this.ownLeaf, proposals);
      return {
        commit: encode(commit),
        welcome:
          welcome === undefined
            ? undefined
            : encode({ version: 'mls10', wireformat: 'mls_welcome', welcome }),
        groupInfo: await encodeGroupInfo(newState, this.#suite),
        transcriptHash: newState.groupContext.confirmedTranscriptHash,
        merge: () => {
          if (this.#state.groupContext !== state.groupContext) {
            throw new RefusedError('the commit is of a former epoch');
          }
          this.#state = withReceived(newState, this.#state);
        },
      };
    });
  }

  process(commit: Uint8Array): Promise<boolean> {
    return refusing(async () => {
      const message = decode(commit);
      if (
        message.wireformat !== 'mls_private_message' &&
        message.wireformat !== 'mls_public_message'
      ) {
        throw new RefusedError('not a commit');
      }
      const returning = returningLeaf(message);
      let seen: { committer: number; proposals: readonly Proposal[] } | undefined;
      let refusal: RefusedError | undefined;
      let isRemoved: boolean | undefined;
      const result = await processMessage(
        message,
        this.#state,
        emptyPskIndex,
        (incoming) => {
          try {
            if (incoming.kind !== 'commit') throw new RefusedError('a proposal by itself');
            const proposals = incoming.proposals.map(({ proposal }) => proposal);
            const committer =
              returning === undefined
                ? requireAllowed(this.#state, incoming.senderLeafIndex, proposals, this.#policy)
                : requireReturn(this.#state, returning, proposals);
            seen = { committer, proposals };
            // The library overlooks it when the same commit gives our leaf to somebody else.
            isRemoved =
              returning === undefined &&
              proposals.some(
                (proposal) =>
                  proposal.proposalType === 'remove' && proposal.remove.removed === this.ownLeaf,
              );
            return isRemoved ? 'reject' : 'accept';
          } catch (error) {
            refusal = error instanceof RefusedError ? error : new RefusedError(String(error));
            return 'reject';
          }
        },
        this.#suite,
      );
      if (refusal !== undefined) throw refusal;
      if (isRemoved === true) return false;
      if (result.kind !== 'newState' || seen === undefined) throw new RefusedError('not a commit');
      if (result.newState.groupActiveState.kind === 'removedFromGroup') return false;
      requireSound(result.newState, this.#own.credential.room, this.#policy);
      if (returning === undefined) {
        requireSameCommitter(this.#state, result.newState, seen.committer);
      }
      requireFreshPath(this.#state, result.newState, seen.committer, seen.proposals);
      this.#state = result.newState;
      return true;
    });
  }

  async encrypt(message: Uint8Array): Promise<Uint8Array> {
    const result = await createApplicationMessage(this.#state, message, this.#suite);
    this.#state = result.newState;
    return encode({
      version: 'mls10',
      wireformat: 'mls_private_message',
      privateMessage: result.privateMessage,
    });
  }

  decrypt(message: Uint8Array): Promise<Decrypted> {
    return refusing(async () => {
      const decoded = decode(message);
      if (decoded.wireformat !== 'mls_private_message') throw new RefusedError('not private');
      const { privateMessage } = decoded;
      if (privateMessage.contentType !== 'application')
        throw new RefusedError('not application data');
      const received = this.#receiverState(privateMessage);
      const { content, tree } = await unprotectPrivateMessage(
        received.senderDataSecret,
        privateMessage,
        received.secretTree,
        received.ratchetTree,
        received.groupContext,
        RETENTION,
        this.#suite,
      );
      if (content.content.contentType !== 'application') throw new RefusedError('other content');
      const { sender, applicationData } = content.content;
      const leaf = sender.senderType === 'member' ? sender.leafIndex : undefined;
      const member = membersIn(received.ratchetTree).find((other) => other.leaf === leaf);
      if (member === undefined) throw new RefusedError('not from a member');
      received.update(tree);
      return { message: applicationData, sender: member };
    });
  }

  forgetFormerEpochs(): void {
    this.#state = { ...this.#state, historicalReceiverData: new Map() };
  }

  get #own(): Member {
    return requireMember(this.#state, this.ownLeaf);
  }

  /** What reads a message of this or a former epoch, and how to note that it was read. */
  #receiverState({ epoch }: PrivateMessage) {
    const state = this.#state;
    if (epoch === state.groupContext.epoch) {
      return {
        senderDataSecret: state.keySchedule.senderDataSecret,
        secretTree: state.secretTree,
        ratchetTree: state.ratchetTree,
        groupContext: state.groupContext,
        update: (secretTree: ClientState['secretTree']) => {
          this.#state = { ...this.#state, secretTree };
        },
      };
    }
    const former = state.historicalReceiverData.get(epoch);
    if (former === undefined) {
      if (epoch > state.groupContext.epoch) throw new EarlyError(`of epoch ${epoch}`);
      throw new RefusedError(`of epoch ${epoch}`);
    }
    return {
      ...former,
      update: (secretTree: ClientState['secretTree']) => {
        const historicalReceiverData = new Map(this.#state.historicalReceiverData);
        historicalReceiverData.set(epoch, { ...former, secretTree });
        this.#state = { ...this.#state, historicalReceiverData };
      },
    };
  }
}

/** The new state with what was received between staging and merging, so that nothing is taken twice. */
function withReceived(staged: ClientState, present: ClientState): ClientState {
  const historicalReceiverData = new Map(staged.historicalReceiverData);
  for (const epoch of historicalReceiverData.keys()) {
    const former = present.historicalReceiverData.get(epoch);
    if (former !== undefined) historicalReceiverData.set(epoch, former);
  }
  const last = historicalReceiverData.get(present.groupContext.epoch);
  if (last !== undefined) {
    historicalReceiverData.set(present.groupContext.epoch, {
      ...last,
      secretTree: present.secretTree,
    });
  }
  return { ...staged, historicalReceiverData };
}

/** The leaf that an external commit brings; `undefined` for a member's commit. */
function returningLeaf(message: MLSMessage): LeafNode | undefined {
  if (message.wireformat !== 'mls_public_message') return undefined;
  const { content } = message.publicMessage;
  if (content.contentType !== 'commit') throw new RefusedError('not a commit');
  if (content.sender.senderType === 'member') return undefined;
  if (content.sender.senderType !== 'new_member_commit') {
    throw new RefusedError('a commit by nobody who may');
  }
  if (content.commit.path === undefined)
    throw new RefusedError('an external commit without a path');
  return content.commit.path.leafNode;
}

/** Short, so that a member's device gives away little of what was said before. */
export const RETENTION = {
  retainKeysForGenerations: 10,
  retainKeysForEpochs: 4,
  maximumForwardRatchetSteps: 200,
};
