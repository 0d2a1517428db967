import type { GroupReport } from '../../../signaling/protocol/GroupReport';
import { Adjustment, type GroupChange } from './adjustment';
import {
  decodeApplicationMessage,
  encodeApplicationMessage,
  type ApplicationMessage,
} from './application';
import { fromBase64url, toBase64url } from './base64url';
import { equalBytes } from './bytes';
import { Early } from './early';
import { Entry } from './entry';
import { Hearing } from './hearing';
import { KnownKeys } from './known-keys';
import {
  EarlyError,
  RefusedError,
  type Group,
  type GroupPolicy,
  type Identity,
  type Member,
  type Mls,
} from './mls';
import { remember } from './remember';
import {
  commitMessage,
  groupReport,
  type GroupClientMessage,
  type GroupServerMessage,
  type SessionEvent,
} from './session-messages';

/**
 * One stay in a room's group: who is in follows who is connected. A state
 * machine without sockets, timers or a clock: times are handed in, in ms. One
 * call at a time; the next must wait for the promise.
 *
 * When the members and the connected differ, the member with the lowest leaf
 * of those connected commits what it takes, at once after a quiet time and else
 * all changes of 100 ms together, and the next member if nothing comes of it
 * ({@link Adjustment}). The server takes one commit an epoch; a commit is in
 * force when the server has accepted it, and whoever was refused follows the
 * one that was not and tries again.
 */
export class GroupSession {
  readonly #mls: Mls;
  readonly #identity: Identity;
  readonly #policy: GroupPolicy;
  readonly #early = new Early();
  readonly #known = new KnownKeys();
  /** Said while in no group. */
  #unsaid: ApplicationMessage[] = [];
  readonly #adjustment: Adjustment;
  readonly #entry: Entry;
  #group: Group | undefined;
  #pending: Pending | undefined;
  /** The last commits of this group, for a server that lost them. */
  #commits: { readonly epoch: bigint; readonly commit: Uint8Array }[] = [];
  /** Keys that were in the group and are not any more. */
  readonly #departed = new Set<string>();
  /** We were in the room's group before, be it this one or another. */
  #hasBeenIn = false;
  /** When to ask for what is missing. */
  #catchUpAt: number | undefined;
  #catchUps = 0;
  /** Of our commits, in this epoch. */
  #refusals = 0;
  /** When to say that we are in the group, to a server that may think otherwise. */
  #standAt: number | undefined;
  #forgetAt: number | undefined;
  #now = 0;
  /** As it was told last; not before it was. */
  #profile: Extract<ApplicationMessage, { type: 'profile' }> | undefined;
  readonly #hearing = new Hearing();
  /** What a wait that took far too long is followed by. */
  #breathUntil: number | undefined;
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
    this.#adjustment = new Adjustment(identity.credential.participantId);
    this.#entry = new Entry(identity);
  }

  /** For the `join` message. */
  createKeyPackage(now: number): Promise<string> {
    return this.#entry.createKeyPackage(now);
  }

  /**
   * For the `join` message of a client that was in the room before: where it
   * stands; `undefined` if it is in no group. What was sent and not answered
   * may have been lost.
   */
  async rejoin(now: number): Promise<GroupReport | undefined> {
    this.#adjustment.handleRejoin(now);
    this.#entry.stop();
    if (this.#pending?.isReturn === true) this.#pending = undefined;
    if (this.#group === undefined) return undefined;
    this.#hearing.handleRejoin(now);
    const commits = this.#commits.map(({ commit }) => toBase64url(commit));
    return { ...(await groupReport(this.#group, true)), commits };
  }

  /** When {@link GroupSession.handleTimeout} is due. */
  get nextTimeout(): number | undefined {
    const times = [
      this.#catchUpAt,
      this.#group === undefined ? this.#entry.askAt : undefined,
      this.#standAt,
      this.#forgetAt,
      this.#pending?.resendAt,
      this.#group === undefined ? undefined : this.#hearing.nextTimeout,
      this.#nextTurn(),
    ];
    const due = times.filter((time) => time !== undefined);
    if (due.length === 0) return undefined;
    return Math.max(Math.min(...due), this.#breathUntil ?? -Infinity);
  }

  handleTimeout(now: number): Promise<SessionEvent[]> {
    // As it was told: what is due may depend on when it is asked.
    const due = this.nextTimeout;
    return this.#handling(now, async () => {
      if (this.#hasSlept(due, now)) return;
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
          this.#send({ type: 'mls-report', ...(await groupReport(this.#group, true)) });
        }
      }
      if (this.#catchUpAt !== undefined && now >= this.#catchUpAt) await this.#catchUp(now);
      if (this.#entry.askAt !== undefined && now >= this.#entry.askAt) await this.#askAgain(now);
      if (this.#group === undefined) return;
      if (this.#hearing.takeQuestion(now)) {
        await this.#encrypt(encodeApplicationMessage({ type: 'say-again' }));
      }
      if (this.#hearing.takeAnswer(now)) {
        await this.#introduce();
        this.#events.push({ type: 'asked' });
      }
    });
  }

  /**
   * Whether this comes so late that what is waited for may have come meanwhile,
   * and was not read yet: a machine that is busy, or slept, is no reason to
   * take the others for lost.
   */
  #hasSlept(due: number | undefined, now: number): boolean {
    const isLate = due !== undefined && due !== this.#breathUntil && now > due + LATE;
    this.#breathUntil = isLate ? now + BREATH : undefined;
    return isLate;
  }

  /** Who is in the room by signaling's word, this client included. */
  handleConnected(participantIds: Iterable<string>, now: number): Promise<SessionEvent[]> {
    return this.#handling(now, () => {
      const ownId = this.#identity.credential.participantId;
      this.#adjustment.handleConnected(new Set([ownId, ...participantIds]));
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
        if (message.type === 'mls-welcome') this.#entry.handleUselessWelcome(now);
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
    if (this.#breathUntil === undefined || now >= this.#breathUntil) await this.#adjust(now);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async #dispatch(message: GroupServerMessage, now: number): Promise<void> {
    switch (message.type) {
      case 'mls-create':
        if (this.#group === undefined) {
          this.#group = await this.#mls.createGroup(this.#identity, this.#policy);
          this.#hasBeenIn = true;
          await this.#begin([], now, { isCreator: true });
        } else {
          this.#send({ type: 'mls-report', ...(await groupReport(this.#group, true)) });
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
      this.#adjustment.handleUnfit(participantId);
      throw error;
    }
    const former = this.#group?.members.find(
      (member) => member.credential.participantId === participantId,
    );
    const other = former?.leaf === this.#group?.ownLeaf ? undefined : former;
    this.#adjustment.handleKeyPackage(participantId, keyPackage, other);
  }

  /** A welcome did not come, or was of no use. */
  async #askAgain(now: number): Promise<void> {
    this.#entry.handleTimeout();
    if (this.#group !== undefined) return;
    this.#entry.retry(now);
    this.#send({ type: 'mls-key-package', keyPackage: await this.createKeyPackage(now) });
  }

  async #enter(welcome: Uint8Array, now: number): Promise<void> {
    const group = await this.#mls.joinByWelcome(
      welcome,
      this.#entry.keyPackages,
      this.#identity,
      this.#policy,
    );
    this.#entry.handleWelcome();
    this.#pending = undefined;
    if (this.#group !== undefined && !equalBytes(this.#group.id, group.id)) this.#lose();
    this.#group = group;
    this.#commits = [];
    const hasReturned = this.#hasBeenIn;
    this.#hasBeenIn = true;
    await this.#begin([], now, { hasReturned });
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
    this.#entry.stop();
    this.#send({ type: 'mls-key-package', keyPackage: await this.createKeyPackage(now) });
  }

  #lose(): void {
    this.#group = undefined;
    this.#hearing.handleLoss();
    this.#events.push({ type: 'lost' });
  }

  #keepCommit(epoch: bigint, commit: Uint8Array): void {
    this.#commits = [...this.#commits, { epoch, commit }].slice(-MAX_COMMITS);
  }

  #refused(epoch: bigint, now: number): void {
    this.#adjustment.handleChange(now);
    if (this.#pending?.isReturn === true) {
      // Of a commit from before we had lost the way, or this one came too early: it is sent again.
      if (epoch <= this.#pending.epoch) return;
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
      if (this.#refusals > MAX_REFUSALS) this.#adjustment.forgetKeyPackages();
    }
  }

  async #merge(pending: Pending, now: number): Promise<void> {
    const before = this.#group?.members ?? [];
    this.#pending = undefined;
    if (pending.isReturn === true) this.#commits = [];
    this.#keepCommit(pending.epoch, pending.commit);
    this.#group = pending.merge();
    await this.#begin(before, now, { hasReturned: pending.isReturn === true });
  }

  /** What is to be done in a new epoch. `before` are the members of the one that ended. */
  async #begin(
    before: readonly Member[],
    now: number,
    { isCreator = false, hasReturned = false } = {},
  ): Promise<void> {
    const group = this.#group;
    if (group === undefined) return;
    const keys = new Set(group.members.map(keyOf));
    for (const member of group.members) this.#known.note(member);
    remember(
      this.#departed,
      before.map(keyOf).filter((key) => !keys.has(key)),
    );
    for (const key of keys) this.#departed.delete(key);
    this.#adjustment.handleChange(now);
    this.#catchUpAt = undefined;
    this.#catchUps = 0;
    this.#refusals = 0;
    this.#entry.stop();
    this.#forgetAt = now + FORMER_EPOCHS;
    this.#events.push({ type: 'epoch', group });
    this.#send({ type: 'mls-report', ...(await groupReport(group, isCreator)) });

    const known = new Set(before.map(keyOf));
    const hasNewcomers = group.members.some((member) => !known.has(keyOf(member)));
    // What we said on our way back reached nobody.
    if (hasNewcomers || hasReturned) await this.#introduce();
    if (hasReturned) this.#events.push({ type: 'asked' });
    keys.delete(toBase64url(this.#identity.signatureKey));
    this.#hearing.handleMembers(keys, group.ownLeaf, hasReturned, now);
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
    if (content.type === 'profile') this.#hearing.handleProfile(keyOf(decrypted.sender));
    if (content.type === 'say-again') this.#hearing.handleQuestion(this.#now);
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
    const message = commitMessage(epoch, staged.ownLeaf, staged, []);
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
        ? { type: 'mls-report', ...(await groupReport(group, true)) }
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
    const { claim, change } = this.#adjustment.next(group, now);
    if (claim.length > 0) this.#send({ type: 'mls-claim', participantIds: [...claim] });
    if (change !== undefined) await this.#commit(group, change);
  }

  async #commit(group: Group, change: GroupChange): Promise<void> {
    const leaves = change.removed.map(({ leaf }) => leaf);
    let staged;
    try {
      staged = await group.commit(change.keyPackages, leaves);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#adjustment.handleFailure(change, this.#now);
      this.#events.push({ type: 'refused', what: 'mls-key-package', reason: error.message });
      return;
    }
    const message = commitMessage(group.epoch, group.ownLeaf, staged, change.added);
    this.#pending = {
      epoch: group.epoch,
      commit: staged.commit,
      message,
      resendAt: this.#now + RESEND,
      merge: () => {
        staged.merge();
        return group;
      },
    };
    this.#send(message);
  }

  /** Says who we are. */
  async #introduce(): Promise<void> {
    if (this.#profile !== undefined) await this.#encrypt(encodeApplicationMessage(this.#profile));
  }

  #nextTurn(): number | undefined {
    if (this.#group === undefined || this.#pending !== undefined) return undefined;
    return this.#adjustment.nextTimeout(this.#group, this.#now);
  }

  async #encrypt(bytes: Uint8Array): Promise<void> {
    if (this.#group === undefined) return;
    const message = await this.#group.encrypt(bytes);
    this.#send({ type: 'mls-message', message: toBase64url(message) });
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

function keyOf({ signatureKey }: Member): string {
  return toBase64url(signatureKey);
}

// Times are in ms.

/** How long the server has to decide on a commit. */
const RESEND = 5000;

/** How long late messages of former epochs are read. */
const FORMER_EPOCHS = 10_000;

/** Before asking for missing commits; doubles. */
const CATCH_UP = 1000;
const MAX_CATCH_UP = 5000;

/** Those who come back one by one wait so long, by their leaves. */
const RETURN_TURN = 100;
const RETURN_TURNS = 8;

/** After so many refused ways back, another member is to add us. */
const MAX_RETURNS = 3;

/** Refused commits of one epoch, after which it is tried more slowly. */
const MAX_REFUSALS = 3;

/** Commits kept for a server that lost them. */
const MAX_COMMITS = 3;

/** More than a timer is late by where a machine has time. */
const LATE = 500;

/** Enough to read what came meanwhile. */
const BREATH = 250;

/** Messages kept until they can be said. */
const MAX_UNSAID = 32;
