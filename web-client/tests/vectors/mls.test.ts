import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeMlsMessage,
  defaultAuthenticationService,
  defaultKeyPackageEqualityConfig,
  defaultKeyRetentionConfig,
  defaultLifetimeConfig,
  defaultPaddingConfig,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  mlsExporter,
  processMessage,
  type CiphersuiteImpl,
  type ClientConfig,
  type MLSMessage,
} from 'ts-mls';
import { makePskIndex } from 'ts-mls/clientState.js';
import { decodeGroupContext } from 'ts-mls/groupContext.js';
import { verifyGroupInfoConfirmationTag, verifyGroupInfoSignature } from 'ts-mls/groupInfo.js';
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js';
import { initializeEpoch } from 'ts-mls/keySchedule.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js';
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js';
import { createSecretTree } from 'ts-mls/secretTree.js';
import { bytesToBase64 } from 'ts-mls/util/byteArray.js';
import { decryptGroupInfo, decryptGroupSecrets } from 'ts-mls/welcome.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/e2ee/worker/sframe/hex';

// The library as it is built, with its correction, against the MLS working group's vectors.

type Fields = Record<string, string>;

interface KeyScheduleVector {
  readonly initial_init_secret: string;
  readonly epochs: readonly (Fields & {
    readonly exporter: never;
  })[];
}

interface PassiveVector extends Omit<Fields, 'external_psks' | 'ratchet_tree' | 'epochs'> {
  readonly key_package: string;
  readonly init_priv: string;
  readonly encryption_priv: string;
  readonly signature_priv: string;
  readonly welcome: string;
  readonly initial_epoch_authenticator: string;
}

interface Vectors {
  readonly 'key-schedule': readonly KeyScheduleVector[];
  readonly welcome: readonly Fields[];
  readonly 'message-protection': readonly (Fields & { readonly epoch: never })[];
  readonly 'passive-client-welcome': readonly PassiveVector[];
  readonly 'passive-client-handling-commit': readonly PassiveVector[];
  readonly 'passive-client-random'?: readonly PassiveVector[];
}

interface Exporter {
  readonly label: string;
  readonly context: string;
  readonly length: number;
  readonly secret: string;
}

interface PassiveEpoch {
  readonly proposals: readonly string[];
  readonly commit: string;
  readonly epoch_authenticator: string;
}

let suite: CiphersuiteImpl;

beforeAll(async () => {
  const name = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';
  suite = await getCiphersuiteImpl(getCiphersuiteFromName(name));
});

const some = JSON.parse(
  readFileSync(join(import.meta.dirname, 'mls-suite-1.json'), 'utf8'),
) as Vectors;

/** A folder with the working groups' test vectors, for checking against all of them. */
const folder = process.env['QUIETROOM_VECTORS'];
const isWhole = folder !== undefined && existsSync(join(folder, 'mls'));

describe.each([
  ['some', some],
  ...(isWhole ? [['all', readAll(join(folder, 'mls'))] as const] : []),
] as const)('%s of the working group’s vectors for our suite', (_, vectors) => {
  test('key schedule', async () => {
    for (const { initial_init_secret, epochs } of vectors['key-schedule']) {
      let initSecret = fromHex(initial_init_secret);
      for (const epoch of epochs) {
        const { keySchedule, joinerSecret } = await initializeEpoch(
          initSecret,
          field(epoch, 'commit_secret'),
          decoded(decodeGroupContext(field(epoch, 'group_context'), 0)),
          field(epoch, 'psk_secret'),
          suite.kdf,
        );
        initSecret = new Uint8Array(keySchedule.initSecret);
        expect(toHex(joinerSecret)).toBe(epoch['joiner_secret']);
        expect(toHex(keySchedule.initSecret)).toBe(epoch['init_secret']);
        expect(toHex(keySchedule.epochAuthenticator)).toBe(epoch['epoch_authenticator']);
        expect(toHex(keySchedule.exporterSecret)).toBe(epoch['exporter_secret']);
        expect(toHex(keySchedule.confirmationKey)).toBe(epoch['confirmation_key']);
        const { label, context, length, secret } = epoch.exporter as Exporter;
        const { exporterSecret } = keySchedule;
        const exported = await mlsExporter(exporterSecret, label, fromHex(context), length, suite);
        expect(toHex(exported)).toBe(secret);
      }
    }
  });

  test('welcome', async () => {
    for (const vector of vectors.welcome) {
      const { keyPackage } = message(vector, 'key_package', 'mls_key_package');
      const { welcome } = message(vector, 'welcome', 'mls_welcome');
      const reference = await makeKeyPackageRef(keyPackage, suite.hash);
      const initKey = await suite.hpke.importPrivateKey(field(vector, 'init_priv'));
      const secrets = (await decryptGroupSecrets(initKey, reference, welcome, suite.hpke))!;
      const noPsk = new Uint8Array(suite.kdf.size);
      const groupInfo = (await decryptGroupInfo(welcome, secrets.joinerSecret, noPsk, suite))!;

      const signer = field(vector, 'signer_pub');
      expect(await verifyGroupInfoSignature(groupInfo, signer, suite.signature)).toBe(true);
      expect(
        await verifyGroupInfoConfirmationTag(groupInfo, secrets.joinerSecret, noPsk, suite),
      ).toBe(true);
    }
  });

  test('message protection', async () => {
    for (const vector of vectors['message-protection']) {
      const context = {
        version: 'mls10' as const,
        cipherSuite: suite.name,
        groupId: field(vector, 'group_id'),
        epoch: BigInt(vector.epoch),
        treeHash: field(vector, 'tree_hash'),
        confirmedTranscriptHash: field(vector, 'confirmed_transcript_hash'),
        extensions: [],
      };
      const key = field(vector, 'signature_pub');
      const open = async (name: string) => {
        const { privateMessage } = message(vector, name, 'mls_private_message');
        const { content } = await unprotectPrivateMessage(
          field(vector, 'sender_data_secret'),
          privateMessage,
          await createSecretTree(2, field(vector, 'encryption_secret'), suite.kdf),
          [],
          context,
          defaultKeyRetentionConfig,
          suite,
          key,
        );
        return content.content;
      };
      const openPublic = async (name: string) => {
        const { publicMessage } = message(vector, name, 'mls_public_message');
        const membershipKey = field(vector, 'membership_key');
        await unprotectPublicMessage(membershipKey, context, [], publicMessage, suite, key);
      };

      const application = await open('application_priv');
      expect(application.contentType).toBe('application');
      if (application.contentType !== 'application') return;
      expect(toHex(application.applicationData)).toBe(vector['application']);
      expect((await open('proposal_priv')).contentType).toBe('proposal');
      expect((await open('commit_priv')).contentType).toBe('commit');
      await openPublic('proposal_pub');
      await openPublic('commit_pub');
    }
  });

  test.each([
    'passive-client-welcome',
    'passive-client-handling-commit',
    'passive-client-random',
  ] as const)('%s', { timeout: 120_000 }, async (name) => {
    for (const vector of vectors[name] ?? []) await followPassively(vector);
  });
});

async function followPassively(vector: PassiveVector): Promise<void> {
  const { key_package, welcome, ...rest } = vector as unknown as Fields;
  const { external_psks, ratchet_tree, epochs } = vector as unknown as {
    readonly external_psks: readonly { readonly psk_id: string; readonly psk: string }[];
    readonly ratchet_tree: string | null;
    readonly epochs: readonly PassiveEpoch[];
  };
  const psks = Object.fromEntries(
    external_psks.map(({ psk_id, psk }) => [bytesToBase64(fromHex(psk_id)), fromHex(psk)]),
  );
  const { keyPackage } = message({ key_package } as Fields, 'key_package', 'mls_key_package');
  let state = await joinGroup(
    message({ welcome } as Fields, 'welcome', 'mls_welcome').welcome,
    keyPackage,
    {
      initPrivateKey: field(rest, 'init_priv'),
      hpkePrivateKey: field(rest, 'encryption_priv'),
      signaturePrivateKey: field(rest, 'signature_priv'),
    },
    makePskIndex(undefined, psks),
    suite,
    ratchet_tree === null ? undefined : decoded(decodeRatchetTree(fromHex(ratchet_tree), 0)),
    undefined,
    CONFIG,
  );
  expect(toHex(state.keySchedule.epochAuthenticator)).toBe(vector.initial_epoch_authenticator);
  for (const { proposals, commit, epoch_authenticator } of epochs) {
    for (const text of [...proposals, commit]) {
      const incoming = decoded(decodeMlsMessage(fromHex(text), 0));
      if (
        incoming.wireformat !== 'mls_private_message' &&
        incoming.wireformat !== 'mls_public_message'
      ) {
        throw new Error(`the vector has a ${incoming.wireformat}`);
      }
      const index = makePskIndex(state, psks);
      state = (await processMessage(incoming, state, index, () => 'accept', suite)).newState;
    }
    expect(toHex(state.keySchedule.epochAuthenticator)).toBe(epoch_authenticator);
  }
}

function message<Format extends MLSMessage['wireformat']>(
  vector: Fields,
  name: string,
  wireformat: Format,
): Extract<MLSMessage, { wireformat: Format }> {
  const decodedMessage = decoded(decodeMlsMessage(field(vector, name), 0));
  expect(decodedMessage.wireformat).toBe(wireformat);
  return decodedMessage as Extract<MLSMessage, { wireformat: Format }>;
}

function field(vector: Fields, name: string): Uint8Array<ArrayBuffer> {
  return fromHex(vector[name] ?? '');
}

function decoded<T>(result: readonly [T, number] | undefined): T {
  if (result === undefined) throw new Error('the vector is malformed');
  return result[0];
}

function readAll(path: string): Vectors {
  const names = [
    'key-schedule',
    'welcome',
    'message-protection',
    'passive-client-welcome',
    'passive-client-handling-commit',
    'passive-client-random',
  ];
  return Object.fromEntries(
    names.map((name) => [
      name,
      (
        JSON.parse(readFileSync(join(path, `${name}.json`), 'utf8')) as { cipher_suite: number }[]
      ).filter(({ cipher_suite }) => cipher_suite === 1),
    ]),
  ) as unknown as Vectors;
}

const CONFIG: ClientConfig = {
  keyRetentionConfig: defaultKeyRetentionConfig,
  lifetimeConfig: defaultLifetimeConfig,
  keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
  paddingConfig: defaultPaddingConfig,
  authService: defaultAuthenticationService,
};
