import type { ClientMessage } from '../../../signaling/protocol/ClientMessage';
import type { GroupReport } from '../../../signaling/protocol/GroupReport';
import type { ServerMessage } from '../../../signaling/protocol/ServerMessage';
import {
  decodeApplicationMessage,
  encodeApplicationMessage,
  type ApplicationMessage,
} from './application';
import { fromBase64url, toBase64url } from './base64url';
import { committerRank, difference } from './committer';
import { Early } from './early';
import { KnownKeys } from './known-keys';
import {
  EarlyError,
  RefusedError,
  type Group,
  type GroupPolicy,
  type Identity,
  type Member,
  type Mls,
  type OwnKeyPackage,
} from './mls';

/** What the server says about the group. */
export type GroupServerMessage = Extract<ServerMessage, { type: `mls-${string}` }>;

/** What is said to the server about the group. */
export type GroupClientMessage = Extract<ClientMessage, { type: `mls-${string}` }>;

/** What a session wants done or known. */
export type SessionEvent =
  | { readonly type: 'send'; readonly message: GroupClientMessage }
  /** We are in this group no more: nothing may be sent or read under its keys. */
  | { readonly type: 'lost' }
  /** Another epoch has begun. */
  | { readonly type: 'epoch'; readonly group: Group }
  | {
      readonly type: 'application';
      readonly sender: Member;
      readonly message: ApplicationMessage;
    }
  /** Something that came in was not believed, and nothing came of it. */
  | {
      readonly type: 'refused';
      readonly what: GroupServerMessage['type'];
      readonly reason: string;
    };

/**
 * One stay in a room's group: who is in follows who is connected. A state
 * machine without sockets, timers or a clock: times are handed in, in ms. One
 * call at a time; the next must wait for the promise.
 *
 * When the members and the connected differ, the member with the lowest leaf
 * of those connected commits what it takes, at once after a quiet time and else
 * all changes of 100 ms together, and the next member if nothing comes of it. The server takes one commit an
 * epoch; a commit is in force when the server has accepted it, and whoever was
 * refused follows the one that was not and tries again.
 */
export class GroupSession {
  readonly #mls: Mls;
  readonly #identity: Identity;
  readonly #policy: GroupPolicy;
  readonly #early = new Early();
  readonly #known = new KnownKeys();
  /** Said while in no group. */
  #unsaid: ApplicationMessage[] = [];
  /** Each is good for one welcome; the newest last. */
  #keyPackages: OwnKeyPackage[] = [];
  #group: Group | undefined;
  #pending: Pending | undefined;
  #connected: ReadonlySet<string>;
  /** Of those who were connected since this client was. */
  readonly #seen = new Set<string>();
  #graceUntil = 0;
  /** Since when members and connected differ. */
  #differsSince: number | undefined;
  /** The last commits of this group, for a server that lost them. */
  #commits: { readonly epoch: bigint; readonly commit: Uint8Array }[] = [];
  /** Leaf keys of members who lost the group, and want to be added anew, by participant. */
  readonly #lost = new Map<string, Uint8Array>();
  /** When to ask once more to be added. */
  #enterAt: number | undefined;
  #entryTries = 0;
  /** Key packages to add people by. */
  readonly #claimed = new Map<string, Uint8Array>();
  /** When each key package was asked for last. */
  readonly #asked = new Map<string, number>();
  /** Participants whose key packages are no good. */
  readonly #unfit = new Set<string>();
  /** Keys that were in the group and are not any more. */
  readonly #departed = new Set<string>();
  /** When to ask for what is missing. */
  #catchUpAt: number | undefined;
  #catchUps = 0;
  /** Of our commits, in this epoch. */
  #refusals = 0;
  /** When to say that we are in the group, to a server that may think otherwise. */
  #standAt: number | undefined;
  #forgetAt: number | undefined;
  /** Changes are gathered until then. */
  #quietUntil = 0;
  #now = 0;
  #profile: Extract<ApplicationMessage, { type: 'profile' }> = {
    type: 'profile',
    name: '',
    handRaised: false,
  };
  #events: SessionEvent[] = [];

  constructor(mls: Mls, identity: Identity, policy: GroupPolicy) {
    this.#mls = mls;
    this.#identity = identity;
    this.#policy = {
      verifyCredential: (credential, key) => policy.verifyCredential(credential, key),
      mayCommit: (committer, change) => policy.mayCommit(committer, change),
      mayBelong: (person) => policy.mayBelong(person) && this.#known.allows(person),
    };
    this.#known.note(identity);
    this.#connected = new Set([identity.credential.participantId]);
  }

  /** For the `join` message. */
  async createKeyPackage(now: number): Promise<string> {
    const keyPackage = await this.#identity.createKeyPackage();
    this.#keyPackages = [...this.#keyPackages, keyPackage].slice(-MAX_KEY_PACKAGES);
    this.#enterAt ??= now + ENTRY;
    return toBase64url(keyPackage.message);
  }

  /**
   * For the `join` message of a client that was in the room before: where it
   * stands; `undefined` if it is in no group. What was sent and not answered
   * may have been lost.
   */
  async rejoin(now: number): Promise<GroupReport | undefined> {
    this.#seen.clear();
    this.#graceUntil = now + RETURN_GRACE;
    this.#differsSince = undefined;
    this.#asked.clear();
    this.#lost.clear();
    this.#enterAt = undefined;
    this.#entryTries = 0;
    if (this.#pending?.isReturn === true) this.#pending = undefined;
    if (this.#group === undefined) return undefined;
    const commits = this.#commits.map(({ commit }) => toBase64url(commit));
    return { ...(await this.#report(this.#group, true)), commits };
  }

  /** When {@link GroupSession.handleTimeout} is due. */
  get nextTimeout(): number | undefined {
    const times = [
      this.#catchUpAt,
      this.#group === undefined ? this.#enterAt : undefined,
      this.#standAt,
      this.#forgetAt,
      this.#pending?.resendAt,
      this.#nextTurn(),
    ];
    const due = times.filter((time) => time !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  handleTimeout(now: number): Promise<SessionEvent[]> {
    return this.#handling(now, async () => {
      if (this.#forgetAt !== undefined && now >= this.#forgetAt) {
        this.#forgetAt = undefined;
        this.#group?.forgetFormerEpochs();
      }
      if (this.#pending !== undefined && now >= this.#pending.resendAt) {
        this.#pending.resendAt = now + RESEND;
        this.#send(this.#pending.message);
      }
      if (this.#standAt !== undefined && now >= this.#standAt) {
        this.#standAt = undefined;
        if (this.#group !== undefined) {
          this.#send({ type: 'mls-report', ...(await this.#report(this.#group, true)) });
        }
      }
      if (this.#catchUpAt !== undefined && now >= this.#catchUpAt) await this.#catchUp(now);
      if (this.#enterAt !== undefined && now >= this.#enterAt) await this.#askAgain(now);
    });
  }

  /** Who is in the room by signaling's word, this client included. */
  handleConnected(participantIds: Iterable<string>, now: number): Promise<SessionEvent[]> {
    return this.#handling(now, () => {
      this.#connected = new Set([this.#identity.credential.participantId, ...participantIds]);
      remember(this.#seen, this.#connected);
      for (const id of this.#unfit) if (!this.#connected.has(id)) this.#unfit.delete(id);
      return Promise.resolve();
    });
  }

  handleMessage(message: GroupServerMessage, now: number): Promise<SessionEvent[]> {
    return this.#handling(now, async () => {
      try {
        await this.#dispatch(message, now);
      } catch (error) {
        if (!(error instanceof RefusedError || error instanceof TypeError)) throw error;
        if (message.type === 'mls-group-info') await this.#refuseReturn(now);
        if (message.type === 'mls-welcome' && this.#entryTries === 0) this.#enterAt = now + BATCH;
        this.#events.push({ type: 'refused', what: message.type, reason: error.message });
      }
    });
  }

  /**
   * Tells all members, or will when this client is one; whoever comes later is
   * told the last profile.
   */
  send(message: ApplicationMessage, now: number): Promise<SessionEvent[]> {
    return this.#handling(now, async () => {
      const bytes = encodeApplicationMessage(message);
      if (message.type === 'profile') this.#profile = message;
      else if (this.#group === undefined)
        this.#unsaid = [...this.#unsaid, message].slice(-MAX_UNSAID);
      await this.#encrypt(bytes);
    });
  }

  async #handling(now: number, handle: () => Promise<void>): Promise<SessionEvent[]> {
    this.#now = now;
    await handle();
    await this.#adjust(now);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async #dispatch(message: GroupServerMessage, now: number): Promise<void> {
    switch (message.type) {
      case 'mls-create':
        if (this.#group === undefined) {
          this.#group = await this.#mls.createGroup(this.#identity, this.#policy);
          await this.#begin([], now, true);
        } else {
          this.#send({ type: 'mls-report', ...(await this.#report(this.#group, true)) });
        }
        break;
      case 'mls-key-package-wanted':
        this.#send({ type: 'mls-key-package', keyPackage: await this.createKeyPackage(now) });
        // The wish may have been overtaken by our welcome: then the server takes us for
        // somebody who waits, and would tell us of no commit any more.
        if (this.#group !== undefined) this.#standAt ??= now + CATCH_UP;
        break;
      case 'mls-key-package':
        await this.#keep(message.participantId, fromBase64url(message.keyPackage));
        break;
      case 'mls-welcome':
        await this.#enter(fromBase64url(message.welcome), now);
        break;
      case 'mls-commit':
        await this.#follow(BigInt(message.epoch), fromBase64url(message.commit), now);
        break;
      case 'mls-accepted':
        if (this.#pending?.epoch === BigInt(message.epoch)) await this.#merge(this.#pending, now);
        break;
      case 'mls-refused':
        this.#refused(BigInt(message.epoch), now);
        break;
      case 'mls-message':
        await this.#receive(fromBase64url(message.message));
        break;
      case 'mls-group-info':
        await this.#return(fromBase64url(message.groupInfo), now);
        break;
    }
  }

  async #keep(participantId: string, keyPackage: Uint8Array): Promise<void> {
    try {
      const person = await this.#mls.inspectKeyPackage(keyPackage);
      if (
        person.credential.participantId !== participantId ||
        person.credential.room !== this.#identity.credential.room ||
        !this.#known.allows(person)
      ) {
        throw new RefusedError('the key package is of somebody else');
      }
    } catch (error) {
      remember(this.#unfit, [participantId]);
      throw error;
    }
    this.#claimed.set(participantId, keyPackage);
    this.#unfit.delete(participantId);
    // It asks for itself although it is inside: it has lost the group.
    const former = this.#group?.members.find(
      (member) => member.credential.participantId === participantId,
    );
    if (former !== undefined && former.leaf !== this.#group?.ownLeaf) {
      this.#lost.set(participantId, former.leafKey);
    }
  }

  /** A welcome did not come, or was of no use. */
  async #askAgain(now: number): Promise<void> {
    this.#enterAt = undefined;
    if (this.#group !== undefined) return;
    this.#entryTries += 1;
    this.#enterAt = now + Math.min(ENTRY * 1.5 ** this.#entryTries, MAX_ENTRY);
    this.#send({ type: 'mls-key-package', keyPackage: await this.createKeyPackage(now) });
  }

  async #enter(welcome: Uint8Array, now: number): Promise<void> {
    const group = await this.#mls.joinByWelcome(
      welcome,
      this.#keyPackages,
      this.#identity,
      this.#policy,
    );
    this.#keyPackages = [];
    this.#pending = undefined;
    if (this.#group !== undefined && !equalBytes(this.#group.id, group.id)) this.#lose();
    this.#group = group;
    this.#commits = [];
    await this.#begin([], now);
  }

  async #follow(epoch: bigint, commit: Uint8Array, now: number): Promise<void> {
    const group = this.#group;
    if (group === undefined || epoch < group.epoch) return;
    if (epoch > group.epoch) {
      this.#early.keepCommit(epoch, commit);
      this.#catchUpAt ??= now + CATCH_UP;
      return;
    }
    if (this.#pending !== undefined && equalBytes(this.#pending.commit, commit)) {
      await this.#merge(this.#pending, now);
      return;
    }
    const before = group.members;
    let isInside: boolean;
    try {
      isInside = await group.process(commit);
    } catch (error) {
      this.#catchUpAt ??= now + CATCH_UP;
      throw error;
    }
    this.#pending = undefined;
    if (isInside) {
      this.#keepCommit(epoch, commit);
      await this.#begin(before, now);
    } else {
      // The others took us for gone. Whether we may come back is theirs to say.
      await this.#enterAnew(now);
    }
  }

  /** Gives up our place in the group, to be added by a member. */
  async #enterAnew(now: number): Promise<void> {
    if (this.#group !== undefined) this.#lose();
    this.#pending = undefined;
    this.#catchUpAt = undefined;
    this.#enterAt = undefined;
    this.#entryTries = 0;
    this.#send({ type: 'mls-key-package', keyPackage: await this.createKeyPackage(now) });
  }

  #lose(): void {
    this.#group = undefined;
    this.#events.push({ type: 'lost' });
  }

  #keepCommit(epoch: bigint, commit: Uint8Array): void {
    this.#commits = [...this.#commits, { epoch, commit }].slice(-MAX_COMMITS);
  }

  #refused(epoch: bigint, now: number): void {
    this.#differsSince = undefined;
    this.#quietUntil = now + BATCH;
    if (this.#pending?.isReturn === true) {
      // Somebody else was first. Not all who come back shall meet again.
      this.#pending = undefined;
      this.#catchUpAt = now + RETURN_TURN * ((this.#group?.ownLeaf ?? 0) % RETURN_TURNS);
    } else if (this.#group !== undefined && epoch > this.#group.epoch) {
      // The one that was accepted is on its way. It may be ours, sent twice.
      this.#catchUpAt ??= now + CATCH_UP;
    } else {
      this.#pending = undefined;
      this.#refusals += 1;
      // Somebody whom we would add is not to be added: asks for all of them anew, slowly.
      if (this.#refusals > MAX_REFUSALS) this.#claimed.clear();
    }
  }

  async #merge(pending: Pending, now: number): Promise<void> {
    const before = this.#group?.members ?? [];
    this.#pending = undefined;
    if (pending.isReturn === true) this.#commits = [];
    this.#keepCommit(pending.epoch, pending.commit);
    this.#group = pending.merge();
    await this.#begin(before, now);
  }

  /** What is to be done in a new epoch. `before` are the members of the one that ended. */
  async #begin(before: readonly Member[], now: number, isCreator = false): Promise<void> {
    const group = this.#group;
    if (group === undefined) return;
    const keys = new Set(group.members.map(keyOf));
    for (const member of group.members) this.#known.note(member);
    remember(
      this.#departed,
      before.map(keyOf).filter((key) => !keys.has(key)),
    );
    for (const key of keys) this.#departed.delete(key);
    this.#differsSince = undefined;
    this.#catchUpAt = undefined;
    this.#catchUps = 0;
    this.#refusals = 0;
    this.#enterAt = undefined;
    this.#entryTries = 0;
    this.#forgetAt = now + FORMER_EPOCHS;
    this.#quietUntil = now + BATCH;
    this.#events.push({ type: 'epoch', group });
    this.#send({ type: 'mls-report', ...(await this.#report(group, isCreator)) });

    const known = new Set(before.map(keyOf));
    const hasNewcomers = group.members.some((member) => !known.has(keyOf(member)));
    if (hasNewcomers && (this.#profile.name !== '' || this.#profile.handRaised)) {
      await this.#encrypt(encodeApplicationMessage(this.#profile));
    }
    for (const message of this.#unsaid.splice(0)) {
      await this.#encrypt(encodeApplicationMessage(message));
    }
    for (const message of this.#early.takeMessages()) {
      await this.#receive(message).catch(() => undefined);
    }
    const next = this.#early.takeCommit(group.epoch);
    if (next !== undefined) await this.#follow(group.epoch, next, now);
  }

  async #receive(message: Uint8Array): Promise<void> {
    const group = this.#group;
    if (group === undefined) return;
    let decrypted;
    try {
      decrypted = await group.decrypt(message);
    } catch (error) {
      if (!(error instanceof EarlyError)) throw error;
      this.#early.keepMessage(message);
      return;
    }
    const content = decodeApplicationMessage(decrypted.message);
    if (content === undefined) return;
    this.#events.push({ type: 'application', sender: decrypted.sender, message: content });
  }

  /** Comes back into a group that went on without us. */
  async #return(groupInfo: Uint8Array, now: number): Promise<void> {
    this.#pending = undefined;
    const former = this.#group;
    const staged =
      former === undefined
        ? undefined
        : await this.#mls.resync(groupInfo, former, this.#identity, this.#policy);
    if (staged === undefined) {
      await this.#enterAnew(now);
      return;
    }
    if (staged.members.some((member) => this.#departed.has(keyOf(member)))) {
      throw new RefusedError('a group with somebody who was removed from it');
    }
    const { epoch, commit } = staged;
    const message: GroupClientMessage = {
      type: 'mls-commit',
      epoch: Number(epoch),
      leaf: staged.ownLeaf,
      commit: toBase64url(commit),
      added: [],
      groupInfo: toBase64url(staged.groupInfo),
      transcriptHash: toBase64url(staged.transcriptHash),
    };
    const resendAt = now + RESEND;
    const merge = (): Group => staged.merge();
    this.#pending = { epoch, commit, message, resendAt, isReturn: true, merge };
    this.#catchUpAt = now + this.#backOff();
    this.#send(message);
  }

  /** No way back that can be believed: tries again, for a while. */
  async #refuseReturn(now: number): Promise<void> {
    if (this.#group === undefined) return;
    if (this.#catchUps >= MAX_RETURNS) await this.#enterAnew(now);
    else this.#catchUpAt = now + this.#backOff();
  }

  /** Commits arrived that do not follow, or do not fit: first asks for what is missing, then for the way back. */
  async #catchUp(now: number): Promise<void> {
    this.#catchUpAt = undefined;
    const group = this.#group;
    if (group === undefined) return;
    const isFirst = this.#catchUps === 0;
    this.#catchUpAt = now + this.#backOff();
    this.#early.forgetCommits();
    this.#send(
      isFirst
        ? { type: 'mls-report', ...(await this.#report(group, true)) }
        : { type: 'mls-resync' },
    );
  }

  #backOff(): number {
    this.#catchUps += 1;
    return Math.min(CATCH_UP * 2 ** this.#catchUps, MAX_CATCH_UP);
  }

  /** Sees to it that the group becomes those who are connected, if it is our turn. */
  async #adjust(now: number): Promise<void> {
    const group = this.#group;
    if (group === undefined || this.#pending !== undefined) return;
    const { missing, gone } = this.#difference(group, now);
    for (const map of [this.#claimed, this.#asked, this.#lost]) {
      for (const id of map.keys()) if (!missing.includes(id)) map.delete(id);
    }
    if (missing.length === 0 && gone.length === 0) {
      this.#differsSince = undefined;
      return;
    }
    this.#differsSince ??= now;
    const turn = this.#differsSince + this.#delay(group);
    if (now < turn) return;

    const ready = missing.filter((id) => this.#claimed.has(id));
    const isComplete = ready.length === missing.length;
    const participantIds = missing.filter((id) => now >= this.#mayAsk(id));
    if (participantIds.length > 0) {
      for (const id of participantIds) this.#asked.set(id, now);
      this.#send({ type: 'mls-claim', participantIds });
    }
    if (now < this.#due(turn, isComplete)) return;
    if (ready.length > 0 || gone.length > 0) await this.#commit(group, ready, gone);
  }

  async #commit(group: Group, ids: readonly string[], gone: readonly Member[]): Promise<void> {
    const keyPackages = ids.flatMap((id) => this.#claimed.get(id) ?? []);
    let staged;
    try {
      staged = await group.commit(
        keyPackages,
        gone.map(({ leaf }) => leaf),
      );
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      remember(this.#unfit, ids);
      for (const id of ids) this.#lost.delete(id);
      this.#quietUntil = this.#now + TAKEOVER;
      this.#events.push({ type: 'refused', what: 'mls-key-package', reason: error.message });
      return;
    }
    const { commit, welcome, groupInfo, transcriptHash } = staged;
    const message: GroupClientMessage = {
      type: 'mls-commit',
      epoch: Number(group.epoch),
      leaf: group.ownLeaf,
      commit: toBase64url(commit),
      ...(welcome === undefined ? {} : { welcome: toBase64url(welcome) }),
      added: [...ids],
      groupInfo: toBase64url(groupInfo),
      transcriptHash: toBase64url(transcriptHash),
    };
    this.#pending = {
      epoch: group.epoch,
      commit,
      message,
      resendAt: this.#now + RESEND,
      merge: () => {
        staged.merge();
        return group;
      },
    };
    this.#send(message);
  }

  #difference(group: Group, now: number): { missing: readonly string[]; gone: readonly Member[] } {
    const { missing, gone } = difference(group.members, this.#connected, group.ownLeaf);
    const lost = group.members.filter((member) => this.#isLost(member));
    const lostIds = lost.map(({ credential }) => credential.participantId);
    return {
      missing: [...missing, ...lostIds].filter((id) => !this.#unfit.has(id)),
      // After a restart of the server the others come back one by one.
      gone: gone
        .filter(
          ({ credential }) => now >= this.#graceUntil || this.#seen.has(credential.participantId),
        )
        .concat(lost),
    };
  }

  /** Whether somebody inside, who is connected, has given us a key package to be added anew. */
  #isLost({ credential: { participantId: id }, leafKey }: Member): boolean {
    const lost = this.#lost.get(id);
    return (
      lost !== undefined &&
      this.#claimed.has(id) &&
      this.#connected.has(id) &&
      equalBytes(lost, leafKey)
    );
  }

  /** How long the members before us have, in ms. */
  #delay(group: Group): number {
    return committerRank(group.members, this.#connected, group.ownLeaf) * TAKEOVER;
  }

  /** When to ask for somebody's key package; never if it is here. */
  #mayAsk(id: string): number {
    return this.#claimed.has(id) ? Infinity : (this.#asked.get(id) ?? -Infinity) + TAKEOVER;
  }

  /** When to commit what is known of by then. */
  #due(turn: number, isComplete: boolean): number {
    return Math.max(turn + (isComplete ? 0 : PATIENCE), this.#quietUntil);
  }

  #nextTurn(): number | undefined {
    const group = this.#group;
    if (group === undefined || this.#pending !== undefined) return undefined;
    // Those who are yet to come back count as gone then.
    const graceEnds = this.#now < this.#graceUntil ? this.#graceUntil : Infinity;
    if (this.#differsSince === undefined) {
      return Number.isFinite(graceEnds) ? graceEnds : undefined;
    }
    const turn = this.#differsSince + this.#delay(group);
    const { missing, gone } = this.#difference(group, this.#now);
    const ready = missing.filter((id) => this.#claimed.has(id)).length;
    if (ready === missing.length) return Math.min(this.#due(turn, true), graceEnds);
    const claim = Math.max(turn, Math.min(...missing.map((id) => this.#mayAsk(id))));
    const commit = ready > 0 || gone.length > 0 ? this.#due(turn, false) : Infinity;
    return Math.min(claim, commit, graceEnds);
  }

  async #encrypt(bytes: Uint8Array): Promise<void> {
    if (this.#group === undefined) return;
    const message = await this.#group.encrypt(bytes);
    this.#send({ type: 'mls-message', message: toBase64url(message) });
  }

  async #report(group: Group, isComplete: boolean): Promise<GroupReport> {
    return {
      epoch: Number(group.epoch),
      transcriptHash: toBase64url(group.transcriptHash),
      leaf: group.ownLeaf,
      ...(isComplete ? { groupInfo: toBase64url(await group.groupInfo()) } : {}),
    };
  }

  #send(message: GroupClientMessage): void {
    this.#events.push({ type: 'send', message });
  }
}

/** A commit that the server has not decided on. */
interface Pending {
  readonly epoch: bigint;
  readonly commit: Uint8Array;
  readonly message: GroupClientMessage;
  /** When to send it again. */
  resendAt: number;
  /** It brings ourselves back, instead of others in or out. */
  readonly isReturn?: boolean;
  merge(): Group;
}

/** Adds to what others decide on, so within a bound: the oldest are forgotten. */
function remember(set: Set<string>, values: Iterable<string>): void {
  for (const value of values) set.add(value);
  for (const value of set) {
    if (set.size <= MAX_REMEMBERED) break;
    set.delete(value);
  }
}

function keyOf({ signatureKey }: Member): string {
  return toBase64url(signatureKey);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

// Times are in ms.

/** How long changes are gathered after the last one. */
const BATCH = 100;

/** How much longer a change waits for key packages that are due. */
const PATIENCE = 300;

/** How long a member has before the next takes its place. */
const TAKEOVER = 1500;

/** How long the server has to decide on a commit. */
const RESEND = 5000;

/** How long the others have to come back after this client did. */
const RETURN_GRACE = 5000;

/** How long late messages of former epochs are read. */
const FORMER_EPOCHS = 10_000;

/** Before asking for missing commits; doubles. */
const CATCH_UP = 1000;
const MAX_CATCH_UP = 5000;

/** How long the others have to add us before we ask again; grows. */
const ENTRY = 3000;
const MAX_ENTRY = 10_000;

/** Those who come back one by one wait so long, by their leaves. */
const RETURN_TURN = 100;
const RETURN_TURNS = 8;

/** After so many refused ways back, another member is to add us. */
const MAX_RETURNS = 3;

/** Refused commits of one epoch, after which it is tried more slowly. */
const MAX_REFUSALS = 3;

/** Commits kept for a server that lost them. */
const MAX_COMMITS = 3;

/** Messages kept until they can be said. */
const MAX_UNSAID = 32;

/** Ids and keys of people who come and go: many times what a room holds. */
const MAX_REMEMBERED = 4096;

/** A welcome may come for one that was given earlier. */
const MAX_KEY_PACKAGES = 4;
