/** A member whose software checks nothing, for tests: what a hostile one can make. */

import {
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeMlsMessage,
  defaultAuthenticationService,
  defaultKeyPackageEqualityConfig,
  defaultKeyRetentionConfig,
  defaultLifetime,
  defaultLifetimeConfig,
  defaultPaddingConfig,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientConfig,
  type ClientState,
  type KeyPackage,
  type Lifetime,
  type PrivateKeyPackage,
  type Proposal,
} from 'ts-mls';
import { encodeCredential, type Credential } from './credential';

export interface Anybody {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
  /** As it travels. */
  readonly keyPackage: Uint8Array;
}

/** Somebody under any name. */
export async function anybody(
  claimed: Credential,
  lifetime: Lifetime = defaultLifetime,
): Promise<Anybody> {
  const capabilities = {
    versions: ['mls10' as const],
    ciphersuites: [SUITE],
    extensions: [],
    proposals: [],
    credentials: ['basic' as const],
  };
  const credential = { credentialType: 'basic', identity: encodeCredential(claimed) } as const;
  const { publicPackage, privatePackage } = await generateKeyPackage(
    credential,
    capabilities,
    lifetime,
    [],
    await loadSuite(),
  );
  const keyPackage = encodeMlsMessage({
    version: 'mls10',
    wireformat: 'mls_key_package',
    keyPackage: publicPackage,
  });
  return { publicPackage, privatePackage, keyPackage };
}

/** Its state in the group that `welcome` is of. */
export async function enter(welcome: Uint8Array, who: Anybody): Promise<ClientState> {
  const [message] = decodeMlsMessage(welcome, 0) ?? [];
  if (message?.wireformat !== 'mls_welcome') throw new Error('not a welcome');
  const suite = await loadSuite();
  const { publicPackage, privatePackage } = who;
  return joinGroup(
    message.welcome,
    publicPackage,
    privatePackage,
    emptyPskIndex,
    suite,
    undefined,
    undefined,
    CARELESS,
  );
}

/** A new group of `creator` and the owners of `keyPackages`, and the welcome for these. */
export async function found(
  creator: Anybody,
  keyPackages: readonly Uint8Array[],
): Promise<{ readonly state: ClientState; readonly welcome: Uint8Array }> {
  const suite = await loadSuite();
  const state = await createGroup(
    new Uint8Array(16),
    creator.publicPackage,
    creator.privatePackage,
    [],
    suite,
    CARELESS,
  );
  return commit(
    state,
    keyPackages.map((keyPackage) => ({
      proposalType: 'add',
      add: { keyPackage: decodeKeyPackage(keyPackage) },
    })),
  );
}

/** What a member sends to change its group, and its own state then. */
export async function commit(
  state: ClientState,
  extraProposals: Proposal[],
): Promise<{
  readonly state: ClientState;
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array;
}> {
  const committed = await createCommit(
    { state, cipherSuite: await loadSuite() },
    { extraProposals, ratchetTreeExtension: true },
  );
  return {
    state: committed.newState,
    commit: encodeMlsMessage(committed.commit),
    welcome:
      committed.welcome === undefined
        ? new Uint8Array()
        : encodeMlsMessage({
            version: 'mls10',
            wireformat: 'mls_welcome',
            welcome: committed.welcome,
          }),
  };
}

/** A message of a member to all, as it travels. */
export async function encrypted(
  before: ClientState,
  content: Uint8Array,
): Promise<{ readonly state: ClientState; readonly message: Uint8Array }> {
  const { newState, privateMessage } = await createApplicationMessage(
    before,
    content,
    await loadSuite(),
  );
  const message = encodeMlsMessage({
    version: 'mls10',
    wireformat: 'mls_private_message',
    privateMessage,
  });
  return { state: newState, message };
}

export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const [message] = decodeMlsMessage(bytes, 0) ?? [];
  if (message?.wireformat !== 'mls_key_package') throw new Error('not a key package');
  return message.keyPackage;
}

export function loadSuite(): Promise<CiphersuiteImpl> {
  return getCiphersuiteImpl(getCiphersuiteFromName(SUITE));
}

const SUITE: CiphersuiteName = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';

export const CARELESS: ClientConfig = {
  authService: defaultAuthenticationService,
  keyRetentionConfig: defaultKeyRetentionConfig,
  lifetimeConfig: defaultLifetimeConfig,
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: defaultPaddingConfig,
};
