import type { WorkerReport, WorkerRequest } from '../messages';
import type { JoinProof } from '../../signaling/protocol/JoinProof';
import { fromBase64url, toBase64url } from './mls/base64url';
import { joinProofContent } from './mls/join-proof';
import type { Group, GroupPolicy, SignatureKey } from './mls/mls';
import { safetyCode } from './mls/safety-code';
import { GroupSession } from './mls/session';
import type { SessionEvent } from './mls/session-messages';
import { loadTsMls } from './mls/ts-mls';
import type { EpochKeys } from './sframe/key-ring';

/** What takes an epoch's keys over. */
export interface KeyTaker {
  install(keys: EpochKeys): Promise<void>;
  /** Nothing is encrypted or decrypted until the next epoch. */
  forgetAll(): void;
}

/** The page's requests that are about the group. */
export type GroupRequest = Extract<
  WorkerRequest,
  {
    type:
      | 'create-identity'
      | 'prove-join'
      | 'open-group'
      | 'rejoin-group'
      | 'connected'
      | 'group-message'
      | 'tell';
  }
>;

/** The group session of this worker: the page's messages one after the other, a timer, and the keys. */
export class GroupWorker {
  readonly #keys: KeyTaker;
  readonly #report: (report: WorkerReport) => void;
  readonly #mls = loadTsMls();
  #key: SignatureKey | undefined;
  #session: GroupSession | undefined;
  #turn = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(keys: KeyTaker, report: (report: WorkerReport) => void) {
    this.#keys = keys;
    this.#report = report;
  }

  handle(request: GroupRequest): void {
    this.#inTurn(() => this.#handle(request));
  }

  async #handle(request: GroupRequest): Promise<void> {
    if (request.type === 'create-identity') {
      this.#key ??= await (await this.#mls).createSignatureKey();
      this.#report({ type: 'identity', key: toBase64url(this.#key.publicKey) });
      return;
    }
    if (request.type === 'prove-join') {
      if (this.#key === undefined) throw new Error('prove-join before create-identity');
      this.#report({ type: 'join-proof', proof: await prove(this.#key, request) });
      return;
    }
    if (request.type === 'open-group') {
      const mls = await this.#mls;
      const identity = await mls.createIdentity(request.credential, this.#key);
      this.#session = new GroupSession(mls, identity, POLICY);
      const keyPackage = await this.#session.createKeyPackage(performance.now());
      this.#report({ type: 'key-package', keyPackage });
      return;
    }
    const session = this.#session;
    if (session === undefined) throw new Error(`${request.type} before open-group`);
    const now = performance.now();
    switch (request.type) {
      case 'rejoin-group': {
        const group = await session.rejoin(now);
        const entrance =
          group === undefined ? { keyPackage: await session.createKeyPackage(now) } : { group };
        this.#report({ type: 'entrance', entrance });
        this.#setTimer(session);
        break;
      }
      case 'connected':
        await this.#perform(session, await session.handleConnected(request.participantIds, now));
        break;
      case 'group-message':
        await this.#perform(session, await session.handleMessage(request.message, now));
        break;
      case 'tell':
        try {
          await this.#perform(session, await session.send(request.message, now));
        } catch (reason) {
          // What a person wrote must not end the session.
          if (!(reason instanceof RangeError)) throw reason;
          this.#report({ type: 'group-refused', reason: `tell: ${reason.message}` });
        }
        break;
    }
  }

  async #perform(session: GroupSession, events: readonly SessionEvent[]): Promise<void> {
    for (const event of events) {
      switch (event.type) {
        case 'send':
          this.#report({ type: 'group-send', message: event.message });
          break;
        case 'lost':
          this.#keys.forgetAll();
          this.#report({ type: 'group-lost' });
          break;
        case 'epoch':
          await this.#begin(event.group);
          break;
        case 'application': {
          const { credential, signatureKey } = event.sender;
          const { participantId } = credential;
          const key = toBase64url(signatureKey);
          this.#report({ type: 'told', participantId, key, message: event.message });
          break;
        }
        case 'refused':
          this.#report({ type: 'group-refused', reason: `${event.what}: ${event.reason}` });
          break;
      }
    }
    this.#setTimer(session);
  }

  async #begin(group: Group): Promise<void> {
    const { epoch, ownLeaf, leafCount } = group;
    const exported = await group.export(EXPORTER_LABEL, new Uint8Array(), BASE_KEY_LENGTH);
    this.#report({
      type: 'epoch',
      epoch,
      safetyCode: safetyCode(group.epochAuthenticator),
      members: group.members.map(({ leaf, credential, signatureKey }) => ({
        ...credential,
        leaf,
        key: toBase64url(signatureKey),
      })),
    });
    const baseKey = Uint8Array.from(exported);
    exported.fill(0);
    const members = new Map(
      group.members.map(({ leaf, credential }) => [leaf, credential.participantId]),
    );
    await this.#keys.install({ epoch, baseKey, ownLeaf, leafCount, members });
  }

  #setTimer(session: GroupSession): void {
    clearTimeout(this.#timer);
    const due = session.nextTimeout;
    if (due === undefined) return;
    const wake = (): void => {
      this.#inTurn(async () => {
        await this.#perform(session, await session.handleTimeout(performance.now()));
      });
    };
    this.#timer = setTimeout(wake, Math.max(1, due - performance.now()));
  }

  #inTurn(step: () => Promise<void>): void {
    this.#turn = this.#turn.then(step).catch((reason: unknown) => {
      clearTimeout(this.#timer);
      this.#report({ type: 'group-failed', reason: String(reason) });
    });
  }
}

async function prove(
  signer: SignatureKey,
  { nonce, room, token }: Extract<GroupRequest, { type: 'prove-join' }>,
): Promise<JoinProof> {
  const content = await joinProofContent(fromBase64url(nonce), room, token);
  return {
    key: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(signer.publicKey) },
    signature: toBase64url(await signer.sign(content)),
  };
}

/**
 * Where the clinic's signature on a credential and the right to admit will be
 * checked. Until then a member is who it says it is, and any may change the group.
 */
const POLICY: GroupPolicy = {
  verifyCredential: () => Promise.resolve(true),
  mayCommit: () => true,
  mayBelong: () => true,
};

/** RFC 9605 §5.2. */
const EXPORTER_LABEL = 'SFrame 1.0 Base Key';
const BASE_KEY_LENGTH = 32;
