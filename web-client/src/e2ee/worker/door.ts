import type { ClientMessage } from '../../signaling/protocol/ClientMessage';
import type { ServerMessage } from '../../signaling/protocol/ServerMessage';
import type { WaitingPerson } from '../../signaling/protocol/WaitingPerson';
import { MAX_NAME_LENGTH } from './mls/application';
import { fromBase64url, toBase64url } from './mls/base64url';
import {
  RefusedError,
  type GroupPolicy,
  type Identity,
  type Mls,
  type OwnKeyPackage,
  type SealingKey,
} from './mls/mls';
import {
  decodeTexts,
  encodeTexts,
  MAX_RECIPIENTS,
  openSealed,
  sealingInfo,
  sealToEach,
} from './sealing';

/** What the server says to those at the door, and to those who may let them in. */
export type DoorServerMessage = Extract<
  ServerMessage,
  { type: 'waiting' | 'waiting-list' | 'waiting-message' }
>;

/** What is said to the server for the others at the door. */
export type DoorClientMessage = Extract<
  ClientMessage,
  { type: 'knock' | 'door-key' | 'tell-waiting' }
>;

/** Somebody who waits is called so, by its own word, and can be told something or not. */
export interface CallerEvent {
  readonly type: 'caller';
  readonly participantId: string;
  readonly name: string;
  readonly isReachable: boolean;
}

/** What the door wants sent or known. */
export type DoorEvent =
  | { readonly type: 'send'; readonly message: DoorClientMessage }
  | CallerEvent
  /** Somebody who may let us in says this. */
  | { readonly type: 'note'; readonly from: string; readonly text: string }
  /** Something that came in could not be opened, or was not believed. */
  | { readonly type: 'refused'; readonly what: string; readonly reason: string };

/**
 * What passes between those who wait and those who may let them in, neither of
 * whom has the other in a group yet. Hosts give out a key package, which is for
 * nothing else; a name and a key to be answered by are sealed to all of them,
 * and answers to that key. The server passes on what it cannot read.
 */
export class Door {
  readonly #mls: Mls;
  readonly #identity: Identity;
  readonly #policy: GroupPolicy;
  readonly #name: string;
  /** Of somebody who may let people in. */
  #key: OwnKeyPackage | undefined;
  /** Of somebody who waits. */
  #answerKey: SealingKey | undefined;
  /** Keys that our name is sealed to, as the server has it. */
  #sealedTo: ReadonlySet<string> = new Set();
  readonly #callers = new Map<string, Caller>();

  constructor(mls: Mls, identity: Identity, policy: GroupPolicy, name: string) {
    this.#mls = mls;
    this.#identity = identity;
    this.#policy = policy;
    this.#name = name;
  }

  /** This client may let people in. */
  async open(): Promise<DoorEvent[]> {
    this.#key ??= await this.#identity.createKeyPackage();
    const key = toBase64url(this.#key.message);
    return [{ type: 'send', message: { type: 'door-key', key } }];
  }

  /** The server may have forgotten us. */
  forget(): void {
    this.#sealedTo = new Set();
    this.#callers.clear();
  }

  handle(message: DoorServerMessage): Promise<DoorEvent[]> {
    switch (message.type) {
      case 'waiting':
        return this.#knock(message.doorKeys);
      case 'waiting-list': {
        const waiting = new Set(message.people.map(({ id }) => id));
        for (const id of this.#callers.keys()) if (!waiting.has(id)) this.#callers.delete(id);
        return this.#meet(message.people);
      }
      case 'waiting-message':
        return this.#read(message.message);
    }
  }

  /** Tells somebody who waits, if that one gave a key to be answered by. `from` is our own name. */
  async tell(participantId: string, from: string, text: string): Promise<DoorEvent[]> {
    const caller = this.#callers.get(participantId);
    if (caller?.answerKey === undefined || text.length > MAX_NOTE_LENGTH) return [];
    const content = encodeTexts(from.slice(0, MAX_NAME_LENGTH), text);
    let sealed: Uint8Array;
    try {
      sealed = await this.#mls.seal(caller.answerKey, this.#info('Note', participantId), content);
    } catch (error) {
      // Who waits chose the key.
      return [refused('answer key', error)];
    }
    const message = { type: 'tell-waiting', participantId, message: toBase64url(sealed) } as const;
    return [{ type: 'send', message }];
  }

  async #knock(doorKeys: readonly string[]): Promise<DoorEvent[]> {
    const events: DoorEvent[] = [];
    const keys = new Map<string, Uint8Array>();
    for (const doorKey of doorKeys.slice(0, MAX_RECIPIENTS)) {
      try {
        const { credential, signatureKey, initKey } = await this.#mls.inspectKeyPackage(
          fromBase64url(doorKey),
        );
        const isOurs = credential.room === this.#identity.credential.room;
        if (!isOurs) throw new RefusedError('of another room');
        if (!(await this.#policy.verifyCredential(credential, signatureKey))) {
          throw new RefusedError('not who it says it is');
        }
        keys.set(toBase64url(initKey), initKey);
      } catch (error) {
        events.push(refused('door key', error));
      }
    }
    const isNews = [...keys.keys()].some((key) => !this.#sealedTo.has(key));
    if (!isNews) return events;
    this.#answerKey ??= await this.#mls.createSealingKey();
    const content = encodeTexts(this.#name, toBase64url(this.#answerKey.publicKey));
    const info = this.#info('Name', this.#identity.credential.participantId);
    const sealed = await sealToEach(this.#mls, [...keys.values()], info, content);
    this.#sealedTo = new Set(keys.keys());
    const message = { type: 'knock', sealedName: toBase64url(sealed) } as const;
    return [...events, { type: 'send', message }];
  }

  async #meet(people: readonly WaitingPerson[]): Promise<DoorEvent[]> {
    const events: DoorEvent[] = [];
    for (const { id, sealedName } of people) {
      if (sealedName === undefined || this.#key === undefined) continue;
      if (this.#callers.get(id)?.sealedName === sealedName) continue;
      if (this.#callers.size >= MAX_CALLERS) break;
      try {
        const sealed = fromBase64url(sealedName);
        const content = await openSealed(this.#key.initKey, sealed, this.#info('Name', id));
        const [name = '', answerKey = ''] = decodeTexts(content, 2);
        if (name.length > MAX_NAME_LENGTH) throw new RefusedError('the name is too long');
        const key = fromBase64url(answerKey);
        const isReachable = key.length === KEY_LENGTH;
        this.#callers.set(id, { sealedName, name, answerKey: isReachable ? key : undefined });
        events.push({ type: 'caller', participantId: id, name, isReachable });
      } catch (error) {
        // It may have been sealed before we came: once we are known it is sealed anew.
        const name = this.#callers.get(id)?.name;
        this.#callers.set(id, { sealedName, name, answerKey: undefined });
        events.push(refused('name', error));
        if (name === undefined) continue;
        events.push({ type: 'caller', participantId: id, name, isReachable: false });
      }
    }
    return events;
  }

  async #read(message: string): Promise<DoorEvent[]> {
    if (this.#answerKey === undefined) return [];
    try {
      const info = this.#info('Note', this.#identity.credential.participantId);
      const content = await this.#answerKey.open(fromBase64url(message), info);
      const [from = '', text = ''] = decodeTexts(content, 2);
      if (from.length > MAX_NAME_LENGTH || text.length > MAX_NOTE_LENGTH) {
        throw new RefusedError('it is too long');
      }
      return [{ type: 'note', from, text }];
    } catch (error) {
      return [refused('note', error)];
    }
  }

  /** `participantId`: of the one who waits. */
  #info(label: string, participantId: string): Uint8Array {
    return sealingInfo(`Door ${label}`, this.#identity.credential.room, participantId);
  }
}

interface Caller {
  readonly sealedName: string;
  /** As it was read last, if it was. */
  readonly name: string | undefined;
  readonly answerKey: Uint8Array | undefined;
}

function refused(what: string, error: unknown): DoorEvent {
  if (!(error instanceof RefusedError || error instanceof TypeError)) throw error;
  return { type: 'refused', what, reason: error.message };
}

/** In UTF-16 code units. */
export const MAX_NOTE_LENGTH = 500;

/** More than a server lets wait. */
const MAX_CALLERS = 64;

/** Of an X25519 public key, in bytes. */
const KEY_LENGTH = 32;
