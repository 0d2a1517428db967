import {
  generateKeyPackageWithKey,
  type Capabilities,
  type CiphersuiteImpl,
  type Credential as MlsCredential,
  type KeyPackage,
  type LeafNode,
  type Lifetime,
  type PrivateKeyPackage,
} from 'ts-mls';
import { encodeCredential, type Credential } from './credential';
import type { Identity, OwnKeyPackage, SealingKey, SignatureKey } from './mls';
import { encode, refusing } from './ts-mls-encoding';

export class TsMlsKey implements SignatureKey {
  constructor(
    readonly suite: CiphersuiteImpl,
    readonly publicKey: Uint8Array,
    readonly signKey: Uint8Array,
  ) {}

  sign(content: Uint8Array): Promise<Uint8Array> {
    return this.suite.signature.sign(this.signKey, content);
  }
}

export class TsMlsIdentity implements Identity {
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
    return new TsMlsKeyPackage(this.#suite, publicPackage, privatePackage);
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

export class TsMlsKeyPackage implements OwnKeyPackage {
  readonly message: Uint8Array;
  readonly initKey: SealingKey;

  constructor(
    suite: CiphersuiteImpl,
    readonly publicPackage: KeyPackage,
    readonly privatePackage: PrivateKeyPackage,
  ) {
    const { initPrivateKey } = privatePackage;
    this.initKey = new TsMlsSealingKey(suite, publicPackage.initKey, initPrivateKey);
    this.message = encode({
      version: 'mls10',
      wireformat: 'mls_key_package',
      keyPackage: publicPackage,
    });
  }
}

export class TsMlsSealingKey implements SealingKey {
  readonly #suite: CiphersuiteImpl;
  readonly #privateKey: Uint8Array;

  constructor(
    suite: CiphersuiteImpl,
    readonly publicKey: Uint8Array,
    privateKey: Uint8Array,
  ) {
    this.#suite = suite;
    this.#privateKey = privateKey;
  }

  open(sealed: Uint8Array, info: Uint8Array): Promise<Uint8Array> {
    return refusing(async () => {
      const { hpke } = this.#suite;
      // With Diffie-Hellman an encapsulated key is as long as a public one (RFC 9180 §7.1).
      const { length } = this.publicKey;
      const privateKey = await hpke.importPrivateKey(this.#privateKey);
      return hpke.open(privateKey, sealed.slice(0, length), sealed.slice(length), info);
    });
  }
}

/** Both clocks may be wrong by half of its life. */
export function isCurrent(leaf: LeafNode): boolean {
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

/** Of a key package, in seconds: used within some, but clocks of devices differ by hours. */
const HALF_LIFE = 12n * 3600n;
