import {
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  decodeMlsMessage,
  defaultKeyPackageEqualityConfig,
  defaultLifetimeConfig,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  mlsExporter,
  processMessage,
  type Capabilities,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientConfig,
  type ClientState,
  type Credential as MlsCredential,
  type KeyPackage,
  type LeafNode,
  type Lifetime,
  type MLSMessage,
  type PrivateKeyPackage,
  type PrivateMessage,
  type Proposal,
} from 'ts-mls';
import { ratchetTreeFromExtension } from 'ts-mls/groupInfo.js';
import { verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { encodeCredential, equalCredentials, type Credential } from './credential';
import {
  EarlyError,
  RefusedError,
  type Change,
  type Decrypted,
  type Group,
  type GroupPolicy,
  type Identity,
  type Member,
  type Mls,
  type OwnKeyPackage,
  type Person,
  type SignatureKey,
  type StagedCommit,
  type StagedReturn,
} from './mls';
import {
  equalBytes,
  fromMlsCredential,
  leafCountOf,
  membersIn,
  membersOf,
  requireFreshPath,
  requireMember,
  requireSameCommitter,
  requireSound,
} from './ts-mls-rules';

/**
 * {@link Mls} on the library ts-mls.
 *
 * Suite 1 needs nothing but WebCrypto, so no curve is computed in JavaScript,
 * and the working group's vectors cover it. Its 128 bits bound the epoch's
 * secrets; frames are encrypted by AES-256 with keys derived from them.
 */
export async function loadTsMls(suite: CiphersuiteName = SUITE): Promise<Mls> {
  return new TsMls(await getCiphersuiteImpl(getCiphersuiteFromName(suite)));
}

const SUITE = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';

class TsMls implements Mls {
  constructor(readonly suite: CiphersuiteImpl) {}

  async createSignatureKey(): Promise<SignatureKey> {
    const { signKey, publicKey } = await this.suite.signature.keygen();
    return new TsMlsKey(this.suite, publicKey, signKey);
  }

  async createIdentity(credential: Credential, key?: SignatureKey): Promise<Identity> {
    const own = key ?? (await this.createSignatureKey());
    if (!(own instanceof TsMlsKey)) throw new TypeError('a key of another library');
    return new TsMlsIdentity(this.suite, credential, own.publicKey, own.signKey);
  }

  async createGroup(identity: Identity, policy: GroupPolicy): Promise<Group> {
    const { publicPackage, privatePackage } = await own(identity).generate();
    const state = await createGroup(
      crypto.getRandomValues(new Uint8Array(16)),
      publicPackage,
      privatePackage,
      [],
      this.suite,
      configure(identity, policy),
    );
    return new TsMlsGroup(this.suite, policy, state);
  }

  inspectKeyPackage(keyPackage: Uint8Array): Promise<Person> {
    return refusing(async () => {
      const decoded = decodeKeyPackage(keyPackage);
      const credential = fromMlsCredential(decoded.leafNode.credential);
      if (credential === undefined) throw new RefusedError('unknown credential');
      if (decoded.cipherSuite !== this.suite.name) throw new RefusedError('other cipher suite');
      if (!(await verifyKeyPackage(decoded, this.suite.signature))) {
        throw new RefusedError('forged key package');
      }
      if (!isCurrent(decoded.leafNode)) throw new RefusedError('a key package of another day');
      return { credential, signatureKey: decoded.leafNode.signaturePublicKey };
    });
  }

  joinByWelcome(
    welcome: Uint8Array,
    keyPackages: readonly OwnKeyPackage[],
    identity: Identity,
    policy: GroupPolicy,
  ): Promise<Group> {
    return refusing(async () => {
      const message = decode(welcome);
      if (message.wireformat !== 'mls_welcome') throw new RefusedError('not a welcome');
      let reason: unknown = new RefusedError('no key package');
      for (const keyPackage of keyPackages) {
        if (!(keyPackage instanceof TsMlsKeyPackage)) continue;
        const { publicPackage, privatePackage } = keyPackage;
        try {
          const state = await joinGroup(
            message.welcome,
            publicPackage,
            privatePackage,
            emptyPskIndex,
            this.suite,
            undefined,
            undefined,
            configure(identity, policy),
          );
          requireSound(state, identity.credential.room, policy);
          return new TsMlsGroup(this.suite, policy, state);
        } catch (error) {
          reason = error;
        }
      }
      throw reason;
    });
  }

  resync(
    groupInfo: Uint8Array,
    former: Group,
    identity: Identity,
    policy: GroupPolicy,
  ): Promise<StagedReturn | undefined> {
    return refusing(async () => {
      const message = decode(groupInfo);
      if (message.wireformat !== 'mls_group_info') throw new RefusedError('not a group info');
      const { groupId, epoch } = message.groupInfo.groupContext;
      if (!equalBytes(groupId, former.id)) return undefined;
      if (epoch < former.epoch) throw new RefusedError('an epoch that is over');
      const tree = ratchetTreeFromExtension(message.groupInfo) ?? [];
      const isInside = tree.some(
        (node) =>
          node?.nodeType === 'leaf' &&
          equalBytes(node.leaf.signaturePublicKey, identity.signatureKey),
      );
      if (!isInside) return undefined;
      const { publicPackage, privatePackage } = await own(identity).generate();
      const { newState, publicMessage } = await joinGroupExternal(
        message.groupInfo,
        publicPackage,
        privatePackage,
        true,
        this.suite,
        undefined,
        configure(identity, policy),
      );
      requireSound(newState, identity.credential.room, policy);
      const group = new TsMlsGroup(this.suite, policy, newState);
      return {
        epoch,
        ownLeaf: group.ownLeaf,
        members: group.members,
        commit: encode({ version: 'mls10', wireformat: 'mls_public_message', publicMessage }),
        groupInfo: await group.groupInfo(),
        transcriptHash: group.transcriptHash,
        merge: () => group,
      };
    });
  }
}

class TsMlsKey implements SignatureKey {
  constructor(
    readonly suite: CiphersuiteImpl,
    readonly publicKey: Uint8Array,
    readonly signKey: Uint8Array,
  ) {}

  sign(content: Uint8Array): Promise<Uint8Array> {
    return this.suite.signature.sign(this.signKey, content);
  }
}

class TsMlsIdentity implements Identity {
  readonly #suite: CiphersuiteImpl;
  readonly #signKey: Uint8Array;

  constructor(
    suite: CiphersuiteImpl,
    readonly credential: Credential,
    readonly signatureKey: Uint8Array,
    signKey: Uint8Array,
  ) {
    this.#suite = suite;
    this.#signKey = signKey;
  }

  async createKeyPackage(): Promise<OwnKeyPackage> {
    const { publicPackage, privatePackage } = await this.generate();
    return new TsMlsKeyPackage(publicPackage, privatePackage);
  }

  generate(): Promise<{ publicPackage: KeyPackage; privatePackage: PrivateKeyPackage }> {
    return generateKeyPackageWithKey(
      toMlsCredential(this.credential),
      capabilities(this.#suite),
      lifetime(),
      [],
      { signKey: this.#signKey, publicKey: this.signatureKey },
      this.#suite,
    );
  }
}

class TsMlsKeyPackage implements OwnKeyPackage {
  readonly message: Uint8Array;

  constructor(
    readonly publicPackage: KeyPackage,
    readonly privatePackage: PrivateKeyPackage,
  ) {
    this.message = encode({
      version: 'mls10',
      wireformat: 'mls_key_package',
      keyPackage: publicPackage,
    });
  }
}

class TsMlsGroup implements Group {
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
                ? this.#requireAllowed(incoming.senderLeafIndex, proposals)
                : this.#requireReturn(returning, proposals);
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

  #requireAllowed(senderLeaf: number | undefined, proposals: readonly Proposal[]): number {
    if (senderLeaf === undefined) throw new RefusedError('not from a member');
    const added: Credential[] = [];
    const removed: Member[] = [];
    for (const proposal of proposals) {
      if (proposal.proposalType === 'add') {
        const credential = fromMlsCredential(proposal.add.keyPackage.leafNode.credential);
        if (credential === undefined) throw new RefusedError('adds an unknown credential');
        added.push(credential);
      } else if (proposal.proposalType === 'remove') {
        removed.push(requireMember(this.#state, proposal.remove.removed));
      } else {
        throw new RefusedError(`proposes ${String(proposal.proposalType)}`);
      }
    }
    const change: Change = { added, removed };
    if (!this.#policy.mayCommit(requireMember(this.#state, senderLeaf), change)) {
      throw new RefusedError('the committer may not do this');
    }
    return senderLeaf;
  }

  /** An external commit puts a member back where it was, with the key that it had, and no more. */
  #requireReturn(returning: LeafNode, proposals: readonly Proposal[]): number {
    const [removal, ...others] = proposals.filter(
      ({ proposalType }) => proposalType !== 'external_init',
    );
    if (removal?.proposalType !== 'remove' || others.length > 0) {
      throw new RefusedError('an external commit that is no return');
    }
    const former = requireMember(this.#state, removal.remove.removed);
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

function own(identity: Identity): TsMlsIdentity {
  if (identity instanceof TsMlsIdentity) return identity;
  throw new TypeError('an identity of another implementation');
}

function configure(identity: Identity, policy: GroupPolicy): ClientConfig {
  const { room } = identity.credential;
  return {
    keyRetentionConfig: RETENTION,
    lifetimeConfig: defaultLifetimeConfig,
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: 'padUntilLength', padUntilLength: PADDED_LENGTH },
    authService: {
      validateCredential: async (mlsCredential, signatureKey) => {
        const credential = fromMlsCredential(mlsCredential);
        if (credential?.room !== room) return false;
        return policy.verifyCredential(credential, signatureKey);
      },
    },
  };
}

function capabilities(suite: CiphersuiteImpl): Capabilities {
  return {
    versions: ['mls10'],
    ciphersuites: [suite.name],
    extensions: [],
    proposals: [],
    credentials: ['basic'],
  };
}

function toMlsCredential(credential: Credential): MlsCredential {
  return { credentialType: 'basic', identity: encodeCredential(credential) };
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

async function encodeGroupInfo(state: ClientState, suite: CiphersuiteImpl): Promise<Uint8Array> {
  const groupInfo = await createGroupInfoWithExternalPubAndRatchetTree(state, [], suite);
  return encode({ version: 'mls10', wireformat: 'mls_group_info', groupInfo });
}

/** Both clocks may be wrong by half of its life. */
function isCurrent(leaf: LeafNode): boolean {
  if (leaf.leafNodeSource !== 'key_package') return false;
  const now = seconds();
  return leaf.lifetime.notBefore <= now && now <= leaf.lifetime.notAfter;
}

function lifetime(): Lifetime {
  return { notBefore: seconds() - HALF_LIFE, notAfter: seconds() + HALF_LIFE };
}

function seconds(): bigint {
  return BigInt(Math.floor(Date.now() / 1000));
}

function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const message = decode(bytes);
  if (message.wireformat !== 'mls_key_package') throw new RefusedError('not a key package');
  return message.keyPackage;
}

function encode(message: MLSMessage): Uint8Array {
  return encodeMlsMessage(message);
}

function decode(bytes: Uint8Array): MLSMessage {
  const [message, length] = decodeMlsMessage(bytes, 0) ?? [];
  if (message === undefined || length !== bytes.length) {
    throw new RefusedError('not an MLS message');
  }
  return message;
}

/** Whatever the library throws at what came from the network is a refusal. */
async function refusing<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw new RefusedError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

/** Short, so that a member's device gives away little of what was said before. */
const RETENTION = {
  retainKeysForGenerations: 10,
  retainKeysForEpochs: 4,
  maximumForwardRatchetSteps: 200,
};

/** Of a key package, in seconds: used within some, but clocks of devices differ by hours. */
const HALF_LIFE = 12n * 3600n;

/** In bytes; hides the length of names and short messages. */
const PADDED_LENGTH = 256;
