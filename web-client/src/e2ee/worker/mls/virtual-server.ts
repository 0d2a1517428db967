import type { GroupCommit } from '../../../signaling/protocol/GroupCommit';
import type { GroupReport } from '../../../signaling/protocol/GroupReport';
import type { GroupClientMessage, GroupServerMessage } from './session-messages';

/** A message for one participant. */
export type Told = readonly [to: string, message: GroupServerMessage];

interface Enrolment {
  keyPackage?: string | undefined;
  holder?: { readonly id: string; readonly since: number } | undefined;
  next?: string | undefined;
  askedAt?: number | undefined;
  sponsor?: string | undefined;
}

interface GroupState {
  epoch: number;
  transcriptHash: string;
  groupInfo: string | undefined;
  commits: { readonly epoch: number; readonly commit: string }[];
}

/** The server's delivery of one room (`signaling/src/mls/`), rule for rule, for tests on virtual time. */
export class VirtualServer {
  readonly #waiting = new Map<string, Enrolment>();
  /** With their leaves, when these are known. */
  readonly #members = new Map<string, number | undefined>();
  /** When those were welcomed who have not said that they are in. */
  readonly #welcomed = new Map<string, number>();
  #group: GroupState | undefined;
  #creator: { readonly id: string; readonly since: number } | undefined;
  #recoveringUntil = -Infinity;

  get epoch(): number | undefined {
    return this.#group?.epoch;
  }

  join(id: string, keyPackage: string | undefined, now: number): Told[] {
    this.#waiting.set(id, { keyPackage });
    return this.#findCreator(now);
  }

  leave(id: string, now: number): Told[] {
    this.#waiting.delete(id);
    this.#members.delete(id);
    this.#welcomed.delete(id);
    for (const enrolment of this.#waiting.values()) {
      if (enrolment.holder?.id === id) enrolment.holder = undefined;
      if (enrolment.next === id) enrolment.next = undefined;
    }
    if (this.#creator?.id === id) this.#creator = undefined;
    if (this.#members.size === 0) {
      this.#group = undefined;
      this.#recoveringUntil = -Infinity;
    }
    return this.#findCreator(now);
  }

  handle(from: string, message: GroupClientMessage, now: number): Told[] {
    switch (message.type) {
      case 'mls-key-package':
        return this.#supply(from, message.keyPackage, now);
      case 'mls-claim':
        return this.#members.has(from) ? this.#claim(from, message.participantIds, now) : [];
      case 'mls-commit':
        return this.#members.has(from) ? this.#commit(from, message, now) : [];
      case 'mls-report':
        return this.report(from, message, now);
      case 'mls-message':
        if (!this.#members.has(from)) return [];
        return [...this.#members.keys()]
          .filter((id) => id !== from)
          .map((id) => [id, { type: 'mls-message', message: message.message }]);
      case 'mls-resync':
        return this.#members.has(from) ? this.#bringBack(from) : [];
    }
  }

  report(id: string, report: GroupReport, now: number): Told[] {
    const group = this.#group;
    if (group === undefined) {
      if (this.#creator?.id !== id) this.#recoveringUntil = now + 1000;
      this.#adopt(id, report);
      return [];
    }
    const { epoch: present } = group;
    if (report.epoch === group.epoch && report.transcriptHash === group.transcriptHash) {
      group.groupInfo = report.groupInfo ?? group.groupInfo;
      this.#enter(id, report.leaf);
      return [];
    }
    if (report.epoch < group.epoch) {
      if (report.groupInfo === undefined) {
        this.#enter(id, report.leaf);
        return [];
      }
      const first = group.commits.findIndex(({ epoch }) => epoch === report.epoch);
      if (first < 0) return this.#bringBack(id);
      this.#enter(id, report.leaf);
      return group.commits.slice(first).map((missed) => [id, { type: 'mls-commit', ...missed }]);
    }
    const isProven =
      now < this.#recoveringUntil + 10_000 &&
      report.epoch - present <= Math.min(report.commits?.length ?? 0, 4);
    if (report.epoch > present && (now < this.#recoveringUntil || present === 0 || isProven)) {
      const behind = [...this.#members.keys()].filter((member) => member !== id);
      this.#adopt(id, report);
      const { commits } = this.#group ?? { commits: [] };
      const first = commits.findIndex(({ epoch }) => epoch === present);
      return behind.flatMap((member): Told[] =>
        first < 0
          ? this.#bringBack(member)
          : commits.slice(first).map((missed) => [member, { type: 'mls-commit', ...missed }]),
      );
    }
    return this.#bringBack(id);
  }

  #supply(id: string, keyPackage: string, now: number): Told[] {
    const enrolment = this.#waiting.get(id);
    if (enrolment === undefined) {
      if (now - (this.#welcomed.get(id) ?? -Infinity) < 2000) return [];
      if (!this.#members.delete(id)) return [];
      this.#waiting.set(id, { keyPackage });
      if (this.#members.size === 0) this.#group = undefined;
      return this.#findCreator(now);
    }
    enrolment.askedAt = undefined;
    const { next } = enrolment;
    enrolment.next = undefined;
    if (next === undefined) {
      const isOverdue = enrolment.keyPackage !== undefined || enrolment.holder !== undefined;
      enrolment.keyPackage = keyPackage;
      return [...(isOverdue ? this.#sponsor(id, enrolment, now) : []), ...this.#findCreator(now)];
    }
    enrolment.holder = { id: next, since: now };
    return [[next, { type: 'mls-key-package', participantId: id, keyPackage }]];
  }

  #sponsor(id: string, enrolment: Enrolment, now: number): Told[] {
    const members = [...this.#members].filter(([, leaf]) => leaf !== undefined);
    members.sort(([, a = 0], [, b = 0]) => a - b);
    const last = members.findIndex(([member]) => member === enrolment.sponsor);
    const [next] = members[(last + 1) % members.length] ?? [];
    const { keyPackage } = enrolment;
    if (next === undefined || keyPackage === undefined) return [];
    enrolment.keyPackage = undefined;
    enrolment.sponsor = next;
    enrolment.holder = { id: next, since: now };
    return [[next, { type: 'mls-key-package', participantId: id, keyPackage }]];
  }

  #claim(by: string, ids: readonly string[], now: number): Told[] {
    return ids.flatMap((id): Told[] => {
      const enrolment = this.#waiting.get(id);
      if (enrolment === undefined) return [];
      const { keyPackage, holder, askedAt } = enrolment;
      if (keyPackage !== undefined) {
        enrolment.keyPackage = undefined;
        enrolment.holder = { id: by, since: now };
        enrolment.next = undefined;
        return [[by, { type: 'mls-key-package', participantId: id, keyPackage }]];
      }
      if (holder !== undefined && holder.id !== by && now - holder.since < LEASE) return [];
      enrolment.next = by;
      if (askedAt !== undefined && now - askedAt < LEASE) return [];
      enrolment.askedAt = now;
      return [[id, { type: 'mls-key-package-wanted' }]];
    });
  }

  #commit(by: string, commit: GroupCommit, now: number): Told[] {
    const group = this.#group;
    if (group === undefined) return [];
    const isTaken =
      commit.epoch === group.epoch &&
      now >= this.#recoveringUntil &&
      commit.added.every((id) => this.#waiting.has(id));
    if (!isTaken) return [[by, { type: 'mls-refused', epoch: group.epoch }]];
    const { epoch, welcome, leaf } = commit;
    group.epoch += 1;
    group.transcriptHash = commit.transcriptHash;
    group.groupInfo = commit.groupInfo;
    group.commits = [...group.commits, { epoch, commit: commit.commit }].slice(-8);
    const told: Told[] = [[by, { type: 'mls-accepted', epoch }]];
    for (const id of this.#members.keys()) {
      if (id !== by) told.push([id, { type: 'mls-commit', epoch, commit: commit.commit }]);
    }
    this.#enter(by, leaf);
    for (const id of commit.added) {
      this.#enter(id);
      this.#welcomed.set(id, now);
      if (welcome !== undefined) told.push([id, { type: 'mls-welcome', welcome }]);
    }
    return told;
  }

  #findCreator(now: number): Told[] {
    const asked = this.#creator;
    if (this.#group !== undefined || (asked !== undefined && now - asked.since <= 3000)) return [];
    const id = [...this.#waiting.keys()].sort().find((waiting) => waiting !== asked?.id);
    if (id === undefined) return [];
    this.#creator = { id, since: now };
    return [[id, { type: 'mls-create' }]];
  }

  #adopt(id: string, report: GroupReport): void {
    const { epoch, transcriptHash, groupInfo } = report;
    const brought = (report.commits ?? []).slice(-4);
    const commits = brought.map((commit, index) => ({
      epoch: epoch - brought.length + index,
      commit,
    }));
    this.#group = { epoch, transcriptHash, groupInfo, commits };
    this.#creator = undefined;
    this.#enter(id, report.leaf);
  }

  #enter(id: string, leaf?: number): void {
    this.#waiting.delete(id);
    this.#welcomed.delete(id);
    this.#members.set(id, leaf);
  }

  #bringBack(id: string): Told[] {
    const { epoch, groupInfo } = this.#group ?? {};
    if (epoch !== undefined && groupInfo !== undefined) {
      this.#enter(id);
      return [[id, { type: 'mls-group-info', epoch, groupInfo }]];
    }
    this.#members.delete(id);
    this.#waiting.set(id, {});
    return [[id, { type: 'mls-key-package-wanted' }]];
  }
}

const LEASE = 1000;
