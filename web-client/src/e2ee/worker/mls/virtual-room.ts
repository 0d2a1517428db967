import { toBase64url } from './base64url';
import type { Credential } from './credential';
import type { Group, GroupPolicy, Mls } from './mls';
import { GroupSession } from './session';
import type { GroupClientMessage, SessionEvent } from './session-messages';
import { VirtualServer, type Told } from './virtual-server';

/** How messages travel, in ms one way. */
export interface Link {
  readonly latency: number;
  readonly jitter: number;
  /** The share of messages that are lost and sent again. */
  readonly loss: number;
  /** How much later a message is that was sent again. */
  readonly resend: number;
}

export const everybodyMay: GroupPolicy = {
  verifyCredential: () => Promise.resolve(true),
  mayCommit: () => true,
  mayBelong: () => true,
};

/**
 * A room on virtual time: the real sessions, a model of the server, and links
 * that delay and repeat but keep the order, as TCP does.
 */
export class VirtualRoom {
  readonly members = new Map<string, VirtualMember>();
  readonly refusals: string[] = [];
  server = new VirtualServer();
  now = 0;
  /** What a hostile server does with what it sends; by default nothing. */
  tamper: (told: Told) => readonly Told[] = (told) => [told];
  /** Whether what a member says is lost for good. */
  loses: (from: VirtualMember, message: GroupClientMessage) => boolean = () => false;
  /** Whether the time that a member's own work takes counts, as if each had a machine of its own. */
  countsWork = false;
  readonly #mls: Mls;
  readonly #link: Link;
  readonly #random: () => number;
  #events: { readonly at: number; readonly order: number; readonly run: () => Promise<void> }[] =
    [];
  #order = 0;

  constructor(mls: Mls, link: Link, random: () => number) {
    this.#mls = mls;
    this.#link = link;
    this.#random = random;
  }

  /** Somebody comes in; resolves when the message is on its way. */
  async join(name: number, room = 'room'): Promise<VirtualMember> {
    const participantId = name.toString(16).padStart(16, '0');
    const credential: Credential = { participantId, room, role: 'client', sub: `sub-${name}` };
    const identity = await this.#mls.createIdentity(credential);
    const session = new GroupSession(this.#mls, identity, everybodyMay);
    const member = new VirtualMember(participantId, session);
    const keyPackage = await session.createKeyPackage(this.now);
    this.members.set(participantId, member);
    await this.rename(member, `Person ${participantId.slice(-2)}`);
    this.toServer(member, () => {
      member.isConnected = true;
      this.announce();
      this.deliver(this.server.join(participantId, keyPackage, this.now));
    });
    return member;
  }

  async rename(member: VirtualMember, name: string): Promise<void> {
    member.name = name;
    await this.perform(member, () =>
      member.session.send({ type: 'profile', name, handRaised: false }, this.now),
    );
  }

  leave(member: VirtualMember): void {
    member.hasLeft = true;
    this.members.delete(member.id);
    this.toServer(member, () => {
      member.isConnected = false;
      this.announce();
      this.deliver(this.server.leave(member.id, this.now));
    });
  }

  /** The server forgets everything; all come back, each in its own time of up to `within` ms. */
  restart(within: number): void {
    this.server = new VirtualServer();
    const returning = [...this.members.values()];
    for (const member of returning) {
      member.isConnected = false;
      member.connection += 1;
      member.arrivesAt = this.now;
      member.reachesAt = this.now;
    }
    for (const member of returning) {
      this.at(this.now + this.#random() * within, async () => {
        if (member.hasLeft) return;
        const report = await member.session.rejoin(this.now);
        const keyPackage =
          report === undefined ? await member.session.createKeyPackage(this.now) : undefined;
        this.toServer(member, () => {
          member.isConnected = true;
          this.announce();
          this.deliver(
            report === undefined
              ? this.server.join(member.id, keyPackage, this.now)
              : this.server.report(member.id, report, this.now),
          );
        });
      });
    }
  }

  /** Runs until nothing more happens before `end`. */
  async run(end: number): Promise<void> {
    for (;;) {
      this.#events.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#events[0];
      if (next === undefined || next.at > end) break;
      this.#events.shift();
      this.now = Math.max(this.now, next.at);
      await next.run();
    }
    this.now = end;
  }

  /** Tells everybody who is connected. */
  announce(): void {
    const ids = [...this.members.values()].filter((m) => m.isConnected).map(({ id }) => id);
    for (const member of this.members.values()) {
      if (!member.isConnected) continue;
      this.#toClient(member, () => member.session.handleConnected(ids, this.now));
    }
  }

  deliver(told: readonly Told[]): void {
    for (const [to, message] of told.flatMap(this.tamper)) {
      const member = this.members.get(to);
      if (member === undefined) continue;
      this.#toClient(member, () => member.session.handleMessage(message, this.now));
    }
  }

  at(time: number, run: () => Promise<void>): void {
    this.#events.push({ at: time, order: this.#order++, run });
  }

  toServer(member: VirtualMember, run: () => void): void {
    const { connection } = member;
    const leaves = Math.max(this.now, member.freeAt);
    member.reachesAt = Math.max(member.reachesAt, leaves + this.#delay());
    this.at(member.reachesAt, () => {
      if (connection === member.connection) run();
      return Promise.resolve();
    });
  }

  /** What a session wants done. */
  async perform(member: VirtualMember, work: () => Promise<SessionEvent[]>): Promise<void> {
    const start = performance.now();
    const events = await work();
    const took = this.countsWork ? performance.now() - start : 0;
    member.freeAt = Math.max(this.now, member.freeAt) + took;
    for (const event of events) {
      switch (event.type) {
        case 'send':
          this.#send(member, event.message);
          break;
        case 'epoch':
          await member.enter(event.group, member.freeAt);
          break;
        case 'lost':
          member.group = undefined;
          member.losses += 1;
          break;
        case 'application': {
          const { participantId } = event.sender.credential;
          if (event.message.type === 'profile') member.names.set(participantId, event.message.name);
          else member.heard.push([participantId, event.message]);
          break;
        }
        case 'asked':
          break;
        case 'refused':
          this.refusals.push(`${member.id.slice(-2)} ${event.what}: ${event.reason}`);
          break;
      }
    }
    this.#schedule(member);
  }

  #send(member: VirtualMember, message: GroupClientMessage): void {
    if (this.loses(member, message)) return;
    this.toServer(member, () => {
      this.deliver(this.server.handle(member.id, message, this.now));
    });
  }

  #toClient(member: VirtualMember, run: () => Promise<SessionEvent[]>): void {
    const { connection } = member;
    member.arrivesAt = Math.max(member.arrivesAt, this.now + this.#delay());
    this.at(member.arrivesAt, async () => {
      if (member.hasLeft || connection !== member.connection) return;
      await this.perform(member, run);
    });
  }

  #schedule(member: VirtualMember): void {
    const due = member.session.nextTimeout;
    if (due === undefined || due === member.wakesAt) return;
    member.wakesAt = due;
    this.at(Math.max(due, this.now), async () => {
      if (member.hasLeft || member.wakesAt !== due) return;
      member.wakesAt = undefined;
      await this.perform(member, () => member.session.handleTimeout(this.now));
    });
  }

  #delay(): number {
    const { latency, jitter, loss, resend } = this.#link;
    const late = this.#random() < loss ? resend : 0;
    return latency + (this.#random() * 2 - 1) * jitter + late;
  }
}

/** One participant and what it came to know. */
export class VirtualMember {
  group: Group | undefined;
  /** Each epoch's base key, as frames would get it. */
  readonly keys = new Map<bigint, string>();
  readonly epochBegan = new Map<bigint, number>();
  readonly heard: [from: string, message: unknown][] = [];
  /** What the others are called, by their ids. */
  readonly names = new Map<string, string>();
  /** How often it was put out of its group. */
  losses = 0;
  isConnected = false;
  hasLeft = false;
  connection = 0;
  arrivesAt = 0;
  reachesAt = 0;
  /** When its last work is done. */
  freeAt = 0;
  name = '';
  wakesAt: number | undefined;

  constructor(
    readonly id: string,
    readonly session: GroupSession,
  ) {}

  async enter(group: Group, now: number): Promise<void> {
    this.group = group;
    const { epoch } = group;
    this.epochBegan.set(epoch, now);
    const key = await group.export('SFrame 1.0 Base Key', new Uint8Array(), 32);
    this.keys.set(epoch, toBase64url(key));
  }
}
