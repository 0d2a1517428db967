import type { WorkerReport, WorkerRequest } from '../messages';
import type { JoinProof } from '../../signaling/protocol/JoinProof';
import { Door, type DoorEvent } from './door';
import { Emergency } from './emergency';
import type { ApplicationMessage, PersonMessage } from './mls/application';
import { fromBase64url, toBase64url } from './mls/base64url';
import { joinProofContent } from './mls/join-proof';
import {
  RefusedError,
  type Group,
  type GroupPolicy,
  type Member,
  type SignatureKey,
} from './mls/mls';
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
      | 'leaders'
      | 'group-message'
      | 'open-door'
      | 'door-message'
      | 'tell-waiting'
      | 'tell';
  }
>;

/** The group session of this worker: the page's messages one after the other, a timer, and the keys. */
export class GroupWorker {
  readonly #keys: KeyTaker;
  readonly #report: (report: WorkerReport) => void;
  readonly #mls = loadTsMls();
  #key: SignatureKey | undefined;
  #stay: Stay | undefined;
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
      const session = new GroupSession(mls, identity, POLICY);
      this.#stay = {
        session,
        door: new Door(mls, identity, POLICY, request.name),
        emergency: new Emergency(mls, identity),
      };
      const keyPackage = await session.createKeyPackage(performance.now());
      this.#report({ type: 'key-package', keyPackage });
      return;
    }
    if (this.#stay === undefined) throw new Error(`${request.type} before open-group`);
    const { session, door, emergency } = this.#stay;
    const now = performance.now();
    switch (request.type) {
      case 'rejoin-group': {
        door.forget();
        emergency.forget();
        const group = await session.rejoin(now);
        const entrance =
          group === undefined ? { keyPackage: await session.createKeyPackage(now) } : { group };
        this.#report({ type: 'entrance', entrance });
        this.#setTimer(session);
        break;
      }
      case 'connected':
        await this.#perform(await session.handleConnected(request.participantIds, now));
        break;
      case 'leaders':
        await this.#tell(await emergency.setLeaders(request.participantIds));
        break;
      case 'open-door':
        this.#performAtDoor(await door.open());
        break;
      case 'door-message':
        this.#performAtDoor(await door.handle(request.message));
        break;
      case 'tell-waiting': {
        const { participantId, from, text } = request;
        this.#performAtDoor(await door.tell(participantId, from, text));
        break;
      }
      case 'group-message':
        await this.#perform(await session.handleMessage(request.message, now));
        break;
      case 'tell': {
        const { message } = request;
        try {
          await this.#tell(
            message.type === 'emergency' ? await emergency.tell(message) : [message],
          );
        } catch (reason) {
          // What a person wrote must not end the session.
          if (!(reason instanceof RangeError)) throw reason;
          this.#report({ type: 'group-refused', reason: `tell: ${reason.message}` });
        }
        break;
      }
    }
  }

  async #tell(messages: readonly ApplicationMessage[]): Promise<void> {
    for (const message of messages) {
      const events = await this.#stay?.session.send(message, performance.now());
      if (events !== undefined) await this.#perform(events);
    }
  }

  #performAtDoor(events: readonly DoorEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'send':
          this.#report({ type: 'group-send', message: event.message });
          break;
        case 'caller':
        case 'note':
          this.#report(event);
          break;
        case 'refused':
          this.#report({ type: 'group-refused', reason: `${event.what}: ${event.reason}` });
          break;
      }
    }
  }

  async #perform(events: readonly SessionEvent[]): Promise<void> {
    for (const event of events) {
      switch (event.type) {
        case 'send':
          this.#report({ type: 'group-send', message: event.message });
          break;
        case 'lost':
          this.#keys.forgetAll();
          this.#stay?.emergency.forget();
          this.#report({ type: 'group-lost' });
          break;
        case 'epoch':
          await this.#begin(event.group);
          break;
        case 'application':
          await this.#hear(event.sender, event.message);
          break;
        case 'asked':
          await this.#tell((await this.#stay?.emergency.repeat()) ?? []);
          break;
        case 'refused':
          this.#report({ type: 'group-refused', reason: `${event.what}: ${event.reason}` });
          break;
      }
    }
    if (this.#stay !== undefined) this.#setTimer(this.#stay.session);
  }

  async #hear(sender: Member, message: ApplicationMessage): Promise<void> {
    const emergency = this.#stay?.emergency;
    if (emergency === undefined) return;
    switch (message.type) {
      case 'profile':
      case 'chat':
      case 'reaction':
        this.#reportTold(sender, message);
        break;
      // The session's own; it tells when it is time to answer.
      case 'say-again':
        break;
      case 'sealing-key':
      case 'sealed-emergency':
      case 'emergency':
        try {
          if (message.type === 'sealing-key') {
            await this.#tell(await emergency.handleKey(sender, message.key));
          } else if (message.type === 'sealed-emergency') {
            const information = await emergency.open(sender, message.sealed);
            if (information !== undefined) this.#reportTold(sender, information);
          } else {
            throw new RefusedError('not sealed');
          }
        } catch (error) {
          if (!(error instanceof RefusedError || error instanceof TypeError)) throw error;
          this.#report({ type: 'group-refused', reason: `${message.type}: ${error.message}` });
        }
        break;
    }
  }

  #reportTold(sender: Member, message: PersonMessage): void {
    const { credential, signatureKey } = sender;
    const { participantId } = credential;
    this.#report({ type: 'told', participantId, key: toBase64url(signatureKey), message });
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
    const told = await this.#stay?.emergency.handleMembers(group.members);
    if (told !== undefined) await this.#tell(told);
  }

  #setTimer(session: GroupSession): void {
    clearTimeout(this.#timer);
    const due = session.nextTimeout;
    if (due === undefined) return;
    const wake = (): void => {
      this.#inTurn(async () => {
        await this.#perform(await session.handleTimeout(performance.now()));
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

/** What a stay is made of. */
interface Stay {
  readonly session: GroupSession;
  readonly door: Door;
  readonly emergency: Emergency;
}

async function prove(
  signer: SignatureKey,
  { purpose, nonce, room, token }: Extract<GroupRequest, { type: 'prove-join' }>,
): Promise<JoinProof> {
  const content = await joinProofContent(purpose, fromBase64url(nonce), room, token);
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
