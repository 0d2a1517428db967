import type { Role } from '../../signaling/protocol/Role';
import {
  decodeApplicationMessage,
  encodeApplicationMessage,
  type ApplicationMessage,
} from './mls/application';
import { fromBase64url, toBase64url } from './mls/base64url';
import type { Identity, Member, Mls, SealingKey } from './mls/mls';
import { openSealed, sealingInfo, sealToEach } from './sealing';

type Information = Extract<ApplicationMessage, { type: 'emergency' }>;

/**
 * What a client tells for an emergency: sealed, within the group's encryption,
 * to those who lead the session, so that no other member reads it. They tell
 * the group a key of theirs for that, and whoever has something to tell seals
 * it to each key that comes. A member is believed to lead where its credential
 * and the server say the same.
 */
export class Emergency {
  readonly #mls: Mls;
  readonly #identity: Identity;
  /** Of somebody who leads the session. */
  #key: SealingKey | undefined;
  /** By the server's word, by id. */
  #leaders: ReadonlySet<string> = new Set();
  /** Those that were told, by signature key; the newest last. */
  readonly #keys = new Map<string, LeaderKey>();
  /** Signature keys of the members that have our sealing key. */
  #told: ReadonlySet<string> = new Set();
  #information: Information | undefined;

  constructor(mls: Mls, identity: Identity) {
    this.#mls = mls;
    this.#identity = identity;
  }

  /** What is to be told the group, in which these are now. */
  async handleMembers(members: readonly Member[]): Promise<ApplicationMessage[]> {
    const present = new Set(members.map(({ signatureKey }) => toBase64url(signatureKey)));
    for (const key of this.#keys.keys()) if (!present.has(key)) this.#keys.delete(key);
    if (!LEADING.has(this.#identity.credential.role)) return [];
    const own = toBase64url(this.#identity.signatureKey);
    const hasNewcomers = [...present].some((key) => key !== own && !this.#told.has(key));
    this.#told = present;
    if (!hasNewcomers) return [];
    this.#key ??= await this.#mls.createSealingKey();
    return this.#tellKey();
  }

  /** We are in no group for now: when we are again, others may have forgotten our key. */
  forget(): void {
    this.#told = new Set();
  }

  /** What is to be told the group again, of which somebody may have missed it. */
  async repeat(): Promise<ApplicationMessage[]> {
    return [...this.#tellKey(), ...(await this.#seal())];
  }

  /** Those who lead the session by the server's word. What is to be told the group. */
  async setLeaders(participantIds: readonly string[]): Promise<ApplicationMessage[]> {
    const before = this.#leaders;
    this.#leaders = new Set(participantIds);
    const isNews = [...this.#keys.values()].some(
      ({ participantId }) => this.#leaders.has(participantId) && !before.has(participantId),
    );
    return isNews ? this.#seal() : [];
  }

  /** What is to be told the group for this; nothing before somebody is there to lead. */
  tell(information: Information): Promise<ApplicationMessage[]> {
    this.#information = information;
    return this.#seal();
  }

  /** What is to be told the group as a member told its key. */
  async handleKey(sender: Member, key: string): Promise<ApplicationMessage[]> {
    const { participantId, role } = sender.credential;
    const member = toBase64url(sender.signatureKey);
    if (!LEADING.has(role) || this.#keys.get(member)?.text === key) return [];
    this.#keys.delete(member);
    this.#keys.set(member, { participantId, text: key, key: fromBase64url(key) });
    return this.#leaders.has(participantId) ? this.#seal() : [];
  }

  /** What a member told for an emergency. Rejects with a `RefusedError` what is not for us. */
  async open(sender: Member, sealed: string): Promise<Information | undefined> {
    if (this.#key === undefined) return undefined;
    const info = sealingInfo('Emergency', sender.credential.room, sender.credential.participantId);
    const content = await openSealed(this.#key, fromBase64url(sealed), info);
    const end = content.lastIndexOf(END);
    const message = decodeApplicationMessage(content.subarray(0, end));
    return message?.type === 'emergency' ? message : undefined;
  }

  #tellKey(): ApplicationMessage[] {
    if (this.#key === undefined) return [];
    return [{ type: 'sealing-key', key: toBase64url(this.#key.publicKey) }];
  }

  async #seal(): Promise<ApplicationMessage[]> {
    const leading = [...this.#keys.values()].filter((key) => this.#leaders.has(key.participantId));
    if (this.#information === undefined || leading.length === 0) return [];
    const { room, participantId } = this.#identity.credential;
    const info = sealingInfo('Emergency', room, participantId);
    const keys = leading.map(({ key }) => key).reverse();
    const bytes = encodeApplicationMessage(this.#information);
    const padding = new Uint8Array(-(bytes.length + 1) & (PADDED_LENGTH - 1));
    const content = Uint8Array.from([...bytes, END, ...padding]);
    const sealed = toBase64url(await sealToEach(this.#mls, keys, info, content));
    return [{ type: 'sealed-emergency', sealed }];
  }
}

interface LeaderKey {
  readonly participantId: string;
  readonly text: string;
  readonly key: Uint8Array;
}

const LEADING: ReadonlySet<Role> = new Set<Role>(['host', 'co-host']);

/** After the last byte; the padding has none. */
const END = 0x80;

/** In bytes. */
const PADDED_LENGTH = 512;
