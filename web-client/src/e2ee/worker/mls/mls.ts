import type { Credential } from './credential';

/** MLS (RFC 9420) as far as sessions need it; another implementation may take this one's place. */
export interface Mls {
  /** A new signature key, for one stay. */
  createSignatureKey(): Promise<SignatureKey>;
  /**
   * The owner of `key`, or else of a new one, which says of itself what
   * `credential` holds.
   */
  createIdentity(credential: Credential, key?: SignatureKey): Promise<Identity>;
  /** A new key to be sealed to, for one stay. */
  createSealingKey(): Promise<SealingKey>;
  /**
   * Seals to whoever has `key` (RFC 9180 §6.1, base mode): `SealingKey.open`
   * takes it with the same `info` only. Rejects with a {@link RefusedError} if
   * `key` is none.
   */
  seal(key: Uint8Array, info: Uint8Array, content: Uint8Array): Promise<Uint8Array>;
  /** A group of one, in epoch 0. */
  createGroup(identity: Identity, policy: GroupPolicy): Promise<Group>;
  /**
   * Who would be added by `keyPackage`. Rejects with a {@link RefusedError}
   * when it is malformed, forged, too old or not for this cipher suite.
   */
  inspectKeyPackage(keyPackage: Uint8Array): Promise<KeyPackageOwner>;
  /**
   * Enters the group that `welcome` is of, as the one who holds one of `keyPackages`.
   * Rejects with a {@link RefusedError}; nothing is used up then.
   */
  joinByWelcome(
    welcome: Uint8Array,
    keyPackages: readonly OwnKeyPackage[],
    identity: Identity,
    policy: GroupPolicy,
  ): Promise<Group>;
  /**
   * The way back of a member that lost its place, by an external commit
   * (RFC 9420 §12.4.3.2). Resolves with `undefined` if the identity's key is
   * not in that group. Rejects with a {@link RefusedError}, also when it is
   * not `former` in the same or a later epoch: members that were removed since
   * could read what is said in an earlier one.
   */
  resync(
    groupInfo: Uint8Array,
    former: Group,
    identity: Identity,
    policy: GroupPolicy,
  ): Promise<StagedReturn | undefined>;
}

/** A key that signs. The private half stays inside. */
export interface SignatureKey {
  readonly publicKey: Uint8Array;
  sign(content: Uint8Array): Promise<Uint8Array>;
}

/** A signature key and what goes with it. The private half stays inside. */
export interface Identity {
  readonly credential: Credential;
  /** The public signature key. */
  readonly signatureKey: Uint8Array;
  /** A new way to be added, for one use. */
  createKeyPackage(): Promise<OwnKeyPackage>;
}

/** A key package with its private half inside. */
export interface OwnKeyPackage {
  readonly message: Uint8Array;
  /** Its `init_key` (RFC 9420 §10). */
  readonly initKey: SealingKey;
}

/** A key that others seal to. The private half stays inside. */
export interface SealingKey {
  readonly publicKey: Uint8Array;
  /** Rejects with a {@link RefusedError} what was not sealed to it, or with another `info`. */
  open(sealed: Uint8Array, info: Uint8Array): Promise<Uint8Array>;
}

/** What decides, beyond MLS itself, who may be in and who may change the group. */
export interface GroupPolicy {
  /** Whether what `credential` says is true of the holder of `signatureKey`. */
  verifyCredential(credential: Credential, signatureKey: Uint8Array): Promise<boolean>;
  /** Whether `committer` may make this change. */
  mayCommit(committer: Member, change: Change): boolean;
  /** Whether `person` may be in the group. Asked of all whenever a group is entered or changed. */
  mayBelong(person: Person): boolean;
}

export interface Change {
  readonly added: readonly Credential[];
  readonly removed: readonly Member[];
}

/** What somebody says of itself, and the key that it says it with. */
export interface Person {
  readonly credential: Credential;
  readonly signatureKey: Uint8Array;
}

/** Who made a key package, by its own signed word, and the key in it that others may seal to. */
export interface KeyPackageOwner extends Person {
  readonly initKey: Uint8Array;
}

/** Somebody in a group. */
export interface Member extends Person {
  /** The place in the tree, from 0. A place may have another member later. */
  readonly leaf: number;
  /** The leaf's public key (RFC 9420 §7.2): another one whenever it was added or committed. */
  readonly leafKey: Uint8Array;
}

/** A member's view of a group. Changes in place; one call at a time. */
export interface Group {
  readonly id: Uint8Array;
  readonly epoch: bigint;
  readonly ownLeaf: number;
  /** Leaves of the tree, blank ones too. */
  readonly leafCount: number;
  /** By leaf. */
  readonly members: readonly Member[];
  /** RFC 9420 §8.2; differs between branches of a group. */
  readonly transcriptHash: Uint8Array;
  /** RFC 9420 §8.7; equal for exactly those who are in one epoch of one group. */
  readonly epochAuthenticator: Uint8Array;
  /** RFC 9420 §8.5. */
  export(label: string, context: Uint8Array, length: number): Promise<Uint8Array>;
  /** Signed, with the tree and the key for external commits. */
  groupInfo(): Promise<Uint8Array>;
  /**
   * Prepares the next epoch. This one stays in force until {@link StagedCommit.merge}.
   * Rejects with a {@link RefusedError} when somebody cannot be added or removed.
   */
  commit(
    keyPackages: readonly Uint8Array[],
    removedLeaves: readonly number[],
  ): Promise<StagedCommit>;
  /**
   * Takes over another member's commit. Rejects with a {@link RefusedError}
   * and stays as it is when the commit is not valid or not allowed. Returns
   * whether this member is still in.
   */
  process(commit: Uint8Array): Promise<boolean>;
  encrypt(message: Uint8Array): Promise<Uint8Array>;
  /**
   * Rejects with a {@link RefusedError} if it is forged, repeated or too old,
   * with an {@link EarlyError} if it is of an epoch to come.
   */
  decrypt(message: Uint8Array): Promise<Decrypted>;
  /** Drops what is kept to read late messages of former epochs. */
  forgetFormerEpochs(): void;
}

/** A commit that is not in force yet. */
export interface StagedCommit {
  readonly commit: Uint8Array;
  /** For those who are added. */
  readonly welcome: Uint8Array | undefined;
  /** Of the next epoch. */
  readonly groupInfo: Uint8Array;
  /** Of the next epoch. */
  readonly transcriptHash: Uint8Array;
  /** Puts it in force in the group that made it. */
  merge(): void;
}

/** An external commit that is not in force yet. */
export interface StagedReturn extends Omit<StagedCommit, 'merge' | 'welcome'> {
  /** The epoch it was made in. */
  readonly epoch: bigint;
  /** In the next epoch. */
  readonly ownLeaf: number;
  /** Of the next epoch, by leaf. */
  readonly members: readonly Member[];
  /** The group as it is when it is in force. */
  merge(): Group;
}

export interface Decrypted {
  readonly message: Uint8Array;
  /** Whose signature it bears. */
  readonly sender: Member;
}

/** Something from the network was not believed. The group is as it was. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** A message of an epoch that has not begun here. */
export class EarlyError extends RefusedError {}
