import { Emitter } from '../events';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { Permission } from '../signaling/protocol/Permission';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { MAX_NOTE_LENGTH } from '../e2ee/worker/door';
import type { Role } from '../signaling/protocol/Role';
import type { WaitingPerson } from '../signaling/protocol/WaitingPerson';
import type { WaitingReason } from '../signaling/protocol/WaitingReason';
import type { DeviceSource } from '../media/devices';

/** A text to accept before the session. */
export interface ConsentRequest {
  /** What the clinic calls this wording of it. */
  readonly version: string;
  /** What the person reads and accepts. */
  readonly text: string;
  /** SHA-256 of the text, in base64url. */
  readonly hash: string;
}

/** Somebody who waits to be let in. */
export interface Caller {
  /** For {@link SessionRules.admit} and {@link SessionRules.refuse}. */
  readonly id: string;
  /** As the server read in the token. */
  readonly role: Role;
  /** As the person wants to be called; empty if it did not say, or it cannot be read. Comes encrypted. */
  readonly name: string;
  /** Whether {@link SessionRules.tellWaiting} tells it, too: by what it said last there is a key to answer by. */
  readonly isReachable: boolean;
}

/** What somebody who may let this client in tells it. Comes encrypted. */
export interface WaitingNote {
  /** What the one who says it is called; empty if it did not say. */
  readonly from: string;
  /** What is said; up to 500 characters. */
  readonly text: string;
}

/** What {@link SessionRules} tells of; {@link Room} passes it on. */
export interface SessionRulesEvents {
  /** The session's text is to be accepted by {@link SessionRules.acceptConsent}. */
  consentRequired: [consent: ConsentRequest];
  /** This client waits to be let in; again when the reason changes. */
  waiting: [reason: WaitingReason];
  /** Somebody who may let this client in tells it something. */
  noted: [note: WaitingNote];
  /** Others wait to be let in: those who do now. */
  waitingListChanged: [callers: readonly Caller[]];
  /** The role allows other things than before, as when somebody stands in for the host. */
  permissionsChanged: [permissions: ReadonlySet<Permission>];
  /** Who stands in for a host who is not there, if anybody does. */
  hostingChanged: [participantId: string | undefined];
  /** The room lets nobody new in, or does again. */
  lockedChanged: [locked: boolean];
  /** Somebody turned this client's device off. */
  muted: [source: DeviceSource, by: string];
  /** Somebody asks for this client's device; the person decides. */
  asked: [source: DeviceSource, by: string];
  /** Somebody, by id, ended this client’s share. */
  shareStopped: [by: string];
  /** The session ends for all in so many seconds. */
  sessionEnding: [seconds: number];
  /** This client is logged off in so many seconds unless {@link SessionRules.reportActivity}. */
  inactivityWarning: [seconds: number];
}

/** How what is asked for goes out. */
export interface RulesWays {
  /** To the server, if there is a connection. */
  readonly send: (message: ClientMessage) => void;
  /** The same; throws `not-connected` where it would be lost. */
  readonly ask: (message: ClientMessage) => void;
  /** To some of those who wait, by id; throws `not-connected` too. */
  readonly tellCallers: (participantIds: readonly string[], text: string) => void;
}

/**
 * What the server says of a session's rules, and what can be asked of it. What
 * those with power ask for throws `not-connected` while {@link Room.isRejoining}
 * and after the end: it would reach nobody, and is not kept.
 */
export class SessionRules extends Emitter<SessionRulesEvents> {
  readonly #ways: RulesWays;
  readonly #now: () => number;
  #consent: ConsentRequest | undefined;
  #acceptedHash: string | undefined;
  #waiting: WaitingReason | undefined;
  #note: WaitingNote | undefined;
  #waitingList: readonly Caller[] = [];
  #permissions: ReadonlySet<Permission> = new Set();
  #hosting: string | undefined;
  #locked = false;
  #activityAt = -Infinity;
  #isWarned = false;

  /** `now` gives ms. */
  constructor(ways: RulesWays, now: () => number) {
    super();
    this.#ways = ways;
    this.#now = now;
  }

  /** The text that is to be accepted, until it is. */
  get consent(): ConsentRequest | undefined {
    return this.#consent;
  }

  /** Why this client waits, if it does. */
  get waiting(): WaitingReason | undefined {
    return this.#waiting;
  }

  /** Whether something is to be done or awaited before this client is let in. */
  get isAtDoor(): boolean {
    return (this.#consent ?? this.#waiting) !== undefined;
  }

  /** What was said last to this client while it waits. */
  get note(): WaitingNote | undefined {
    return this.#note;
  }

  /** Who waits to be let in, whoever came first leading; empty where the role may not admit. */
  get waitingList(): readonly Caller[] {
    return this.#waitingList;
  }

  /** What the role allows. The server holds to it whatever is asked. */
  get permissions(): ReadonlySet<Permission> {
    return this.#permissions;
  }

  /** The id of whoever stands in for a host who is not there, if anybody does. */
  get hosting(): string | undefined {
    return this.#hosting;
  }

  /** Whether nobody new is let in. */
  get locked(): boolean {
    return this.#locked;
  }

  /** Accepts the text of {@link SessionRules.consent}, which lets the join go on. */
  acceptConsent(): void {
    if (this.#consent === undefined) return;
    this.#acceptedHash = this.#consent.hash;
    this.#ways.send({ type: 'accept-consent', hash: this.#consent.hash });
  }

  /** Lets in who waits, by their ids. Needs the permission `admit`, as do the others about the door. */
  admit(participantIds: readonly string[]): void {
    this.#ways.ask({ type: 'admit', participantIds: [...participantIds] });
  }

  /** Lets in who waits by what the host was told; whoever has come since waits on. */
  admitAll(): void {
    this.admit(this.#waitingList.map(({ id }) => id));
  }

  /** Sends away who waits; that stay ends with `refused`. */
  refuse(participantId: string): void {
    this.#ways.ask({ type: 'refuse', participantId });
  }

  /**
   * Tells all who wait now and are {@link Caller.isReachable}. Throws a `RangeError`
   * above 500 characters.
   */
  tellWaiting(text: string): void {
    if (text.length > MAX_NOTE_LENGTH) throw new RangeError('the text is too long');
    const callers = this.#waitingList.filter(({ isReachable }) => isReachable);
    this.#ways.tellCallers(
      callers.map(({ id }) => id),
      text,
    );
  }

  /** Lets nobody new in, or does again. Needs the permission `lock`. */
  lock(locked: boolean): void {
    this.#ways.ask({ type: 'lock', locked });
  }

  /** Turns off somebody’s device, which they can turn on again. Needs the permission `mute`. */
  mute(participantId: string, source: DeviceSource): void {
    this.#ways.ask({ type: 'mute', participantId, source });
  }

  /** Turns off the microphones of all others who have no power to do the same. */
  muteAll(): void {
    this.#ways.ask({ type: 'mute-all' });
  }

  /** Asks somebody to turn a device on. Needs the permission `mute`. */
  ask(participantId: string, source: DeviceSource): void {
    this.#ways.ask({ type: 'ask', participantId, source });
  }

  /** Ends somebody’s shared screen. Needs the permission `mute`. */
  stopShare(participantId: string): void {
    this.#ways.ask({ type: 'stop-share', participantId });
  }

  /** Sends somebody out for good; that stay ends with `removed`. Needs the permission `remove`. */
  remove(participantId: string): void {
    this.#ways.ask({ type: 'remove', participantId });
  }

  /** Ends the session for all. Needs the permission `end`. */
  endForAll(): void {
    this.#ways.ask({ type: 'end-session' });
  }

  /** Somebody is at the device: to be called at each key or touch, however many come. */
  reportActivity(): void {
    const now = this.#now();
    if (!this.#isWarned && now - this.#activityAt < ACTIVITY_INTERVAL) return;
    this.#activityAt = now;
    this.#isWarned = false;
    this.#ways.send({ type: 'active' });
  }

  /** @internal */
  handleCaller(participantId: string, name: string, isReachable: boolean): void {
    const caller = this.#waitingList.find(({ id }) => id === participantId);
    if (caller === undefined) return;
    if (caller.name === name && caller.isReachable === isReachable) return;
    const known = { ...caller, name, isReachable };
    this.#setWaitingList(this.#waitingList.map((one) => (one === caller ? known : one)));
  }

  /** @internal */
  handleNote(note: WaitingNote): void {
    if (this.#waiting === undefined) return;
    this.#note = note;
    this.emit('noted', note);
  }

  /** @internal */
  handleJoined(message: Extract<ServerMessage, { type: 'joined' }>): void {
    this.#consent = undefined;
    this.#waiting = undefined;
    this.#note = undefined;
    // Who waits now, if anybody does, is said next.
    this.#setWaitingList([]);
    this.#hosting = undefined;
    this.#permissions = new Set(message.permissions);
    this.#locked = message.locked;
  }

  /** @internal */
  handle(message: RulesMessage): void {
    switch (message.type) {
      case 'consent-required': {
        const { version, text, hash } = message;
        this.#waiting = undefined;
        this.#consent = { version, text, hash };
        // A server that was restarted may ask again for what was accepted.
        if (hash === this.#acceptedHash) this.acceptConsent();
        else this.emit('consentRequired', this.#consent);
        break;
      }
      case 'waiting':
        this.#consent = undefined;
        this.#waiting = message.reason;
        this.emit('waiting', message.reason);
        break;
      case 'waiting-list':
        this.#setWaitingList(message.people.map((person) => this.#describe(person)));
        break;
      case 'permissions':
        this.#permissions = new Set(message.permissions);
        if (!this.#permissions.has('admit')) this.#setWaitingList([]);
        this.emit('permissionsChanged', this.#permissions);
        break;
      case 'hosting':
        this.#hosting = message.participantId ?? undefined;
        this.emit('hostingChanged', this.#hosting);
        break;
      case 'locked':
        this.#locked = message.locked;
        this.emit('lockedChanged', message.locked);
        break;
      case 'muted':
      case 'asked': {
        const { source, by } = message;
        if (source === 'microphone' || source === 'camera') this.emit(message.type, source, by);
        break;
      }
      case 'share-stopped':
        this.emit('shareStopped', message.by);
        break;
      case 'session-ending':
        this.emit('sessionEnding', message.seconds);
        break;
      case 'inactivity-warning':
        this.#isWarned = true;
        this.emit('inactivityWarning', message.seconds);
        break;
    }
  }

  /** What somebody is called is known apart from the list. */
  #describe({ id, role }: WaitingPerson): Caller {
    const known = this.#waitingList.find((caller) => caller.id === id);
    return { id, role, name: known?.name ?? '', isReachable: known?.isReachable ?? false };
  }

  #setWaitingList(callers: readonly Caller[]): void {
    if (callers.length === 0 && this.#waitingList.length === 0) return;
    this.#waitingList = callers;
    this.emit('waitingListChanged', callers);
  }
}

/** What the server says about the rules, once this client is known to it. */
export type RulesMessage = Extract<
  ServerMessage,
  {
    type:
      | 'consent-required'
      | 'waiting'
      | 'waiting-list'
      | 'permissions'
      | 'hosting'
      | 'locked'
      | 'muted'
      | 'asked'
      | 'share-stopped'
      | 'session-ending'
      | 'inactivity-warning';
  }
>;

/** In ms; far below any limit of inactivity. */
const ACTIVITY_INTERVAL = 20_000;
