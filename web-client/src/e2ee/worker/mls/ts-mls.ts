import {
  createGroup,
  defaultKeyPackageEqualityConfig,
  defaultLifetimeConfig,
  emptyPskIndex,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientConfig,
} from 'ts-mls';
import { ratchetTreeFromExtension } from 'ts-mls/groupInfo.js';
import { verifyKeyPackage } from 'ts-mls/keyPackage.js';
import { equalBytes } from './bytes';
import type { Credential } from './credential';
import {
  RefusedError,
  type Group,
  type GroupPolicy,
  type Identity,
  type KeyPackageOwner,
  type Mls,
  type OwnKeyPackage,
  type SealingKey,
  type SignatureKey,
  type StagedReturn,
} from './mls';
import { decode, decodeKeyPackage, encode, refusing } from './ts-mls-encoding';
import { RETENTION, TsMlsGroup } from './ts-mls-group';
import {
  isCurrent,
  TsMlsIdentity,
  TsMlsKey,
  TsMlsKeyPackage,
  TsMlsSealingKey,
} from './ts-mls-identity';
import { fromMlsCredential, requireSound } from './ts-mls-rules';

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

  async createSealingKey(): Promise<SealingKey> {
    const { hpke } = this.suite;
    const { publicKey, privateKey } = await hpke.generateKeyPair();
    return new TsMlsSealingKey(
      this.suite,
      await hpke.exportPublicKey(publicKey),
      await hpke.exportPrivateKey(privateKey),
    );
  }

  seal(key: Uint8Array, info: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
    return refusing(async () => {
      const { hpke } = this.suite;
      const { enc, ct } = await hpke.seal(await hpke.importPublicKey(key), content, info);
      return Uint8Array.from([...enc, ...ct]);
    });
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

  inspectKeyPackage(keyPackage: Uint8Array): Promise<KeyPackageOwner> {
    return refusing(async () => {
      const decoded = decodeKeyPackage(keyPackage);
      const credential = fromMlsCredential(decoded.leafNode.credential);
      if (credential === undefined) throw new RefusedError('unknown credential');
      if (decoded.cipherSuite !== this.suite.name) throw new RefusedError('other cipher suite');
      if (!(await verifyKeyPackage(decoded, this.suite.signature))) {
        throw new RefusedError('forged key package');
      }
      if (!isCurrent(decoded.leafNode)) throw new RefusedError('a key package of another day');
      const { leafNode, initKey } = decoded;
      return { credential, signatureKey: leafNode.signaturePublicKey, initKey };
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

const SUITE = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';

/** In bytes; hides the length of names and short messages. */
const PADDED_LENGTH = 256;
