import type { GroupEpoch, GroupMember, Place } from '../e2ee/messages';
import { Recurrence } from '../e2ee/recurrence';
import { QUIET_TIME, TileCheck } from '../e2ee/tile-check';
import type { Transforms } from '../e2ee/transforms';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { RemoteParticipant } from './participant';
import type { Roster } from './roster';

/** What is amiss with the session's protection, for as long as it is. */
export type Warning =
  | {
      /** What the server sends as this one's is somebody else's, and is hidden. */
      readonly kind: 'sender-mismatch';
      readonly participant: RemoteParticipant;
      readonly place: Place;
    }
  | {
      /** What comes as this one's cannot be decrypted. */
      readonly kind: 'undecryptable';
      readonly participant: RemoteParticipant;
      readonly place: Place;
    }
  | {
      /** This one says to have another role than the server says. */
      readonly kind: 'role-mismatch';
      readonly participant: RemoteParticipant;
    }
  | {
      /** Another key has come under the id of this one, who may be somebody else by now. */
      readonly kind: 'key-changed';
      readonly participant: RemoteParticipant;
    }
  | {
      /** Somebody reads the session whom the server does not show. */
      readonly kind: 'hidden-member';
      readonly member: GroupMember;
    }
  | {
      /** Our own sound or picture cannot be encrypted, and is not sent. */
      readonly kind: 'unsent';
    };

interface ProtectionEvents {
  /** {@link Protection.warnings} are others. */
  changed: [];
  error: [error: QuietroomError];
}

/** Holds the server's word of people against the group's, and frames against both. */
export class Protection extends Emitter<ProtectionEvents> {
  readonly #roster: Roster;
  readonly #ownId: string;
  readonly #tiles = new TileCheck();
  /** By slot. */
  readonly #undecryptable = new Recurrence<number>(LASTING, QUIET_TIME);
  readonly #unsent = new Recurrence<'ours'>(LASTING, QUIET_TIME);
  /** The first key that came under each id. */
  readonly #keys = new Map<string, string>();
  /** Ids under which another key came. */
  readonly #swapped = new Set<string>();
  /** Members who are not among the people, by id. */
  readonly #hidden = new Map<string, Hidden>();
  readonly #stops: (() => void)[];
  #epoch: GroupEpoch | undefined;
  #warnings = new Map<string, Warning>();

  /** `ownId` is this client's in the group. */
  constructor(transforms: Transforms, roster: Roster, ownId: string) {
    super();
    this.#roster = roster;
    this.#ownId = ownId;
    const review = (): void => {
      this.#review();
    };
    this.#stops = [
      transforms.on('undecryptable', ({ slot, reason }) => {
        if (reason === 'foreign') this.#tiles.note(slot);
        else if (this.#epoch !== undefined) this.#undecryptable.note(slot);
      }),
      transforms.on('unsent', () => {
        // Until there is a group, that is no news.
        if (this.#epoch !== undefined) this.#unsent.note('ours');
      }),
      roster.on('slotChanged', (slot) => {
        this.#tiles.handleChange(slot);
        this.#undecryptable.forget(slot);
        review();
      }),
      roster.on('participantJoined', review),
      roster.on('participantUpdated', review),
      roster.on('participantLeft', review),
      this.#tiles.on('changed', review),
      this.#undecryptable.on('changed', review),
      this.#unsent.on('changed', review),
    ];
  }

  get warnings(): readonly Warning[] {
    return [...this.#warnings.values()];
  }

  /** The group is as `epoch` says, or is lost. */
  handleEpoch(epoch: GroupEpoch | undefined): void {
    this.#epoch = epoch;
    for (const { participantId, key } of epoch?.members ?? []) {
      const known = this.#keys.get(participantId);
      if (known === undefined) this.#keys.set(participantId, key);
      else if (known !== key) this.#swapped.add(participantId);
    }
    this.#forgetOld();
    this.#review();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#tiles.close();
    this.#undecryptable.close();
    this.#unsent.close();
    for (const { timer } of this.#hidden.values()) clearTimeout(timer);
    this.#hidden.clear();
  }

  #review(): void {
    this.#findHidden();
    const warnings = new Map<string, Warning>();
    const warn = (warning: Warning): void => {
      warnings.set(keyOf(warning), warning);
    };
    for (const participant of this.#roster.participants) {
      for (const place of PLACES) this.#checkPlace(participant, place, warn);
      const { id, member } = participant;
      if (member !== undefined && !participant.isRoleConfirmed) {
        warn({ kind: 'role-mismatch', participant });
      }
      if (this.#swapped.has(id)) warn({ kind: 'key-changed', participant });
    }
    for (const { member, isLasting } of this.#hidden.values()) {
      if (isLasting) warn({ kind: 'hidden-member', member });
    }
    if (this.#unsent.lasts('ours')) warn({ kind: 'unsent' });
    this.#take(warnings);
  }

  #checkPlace(
    participant: RemoteParticipant,
    place: Place,
    warn: (warning: Warning) => void,
  ): void {
    const slot = this.#roster.slotOf(participant.id, place);
    const isForeign = slot !== undefined && this.#tiles.isPresent(slot);
    this.#roster.setBlanked(participant, place, isForeign);
    if (slot === undefined) return;
    if (this.#tiles.lasts(slot)) warn({ kind: 'sender-mismatch', participant, place });
    if (this.#undecryptable.lasts(slot)) warn({ kind: 'undecryptable', participant, place });
  }

  #findHidden(): void {
    const members = (this.#epoch?.members ?? []).filter(
      ({ participantId }) =>
        participantId !== this.#ownId && this.#roster.find(participantId) === undefined,
    );
    const ids = new Set(members.map(({ participantId }) => participantId));
    for (const [id, { timer }] of this.#hidden) {
      if (ids.has(id)) continue;
      clearTimeout(timer);
      this.#hidden.delete(id);
    }
    for (const member of members) {
      const id = member.participantId;
      const known = this.#hidden.get(id);
      if (known !== undefined) {
        known.member = member;
        continue;
      }
      const hidden: Hidden = { member, isLasting: false, timer: undefined };
      hidden.timer = setTimeout(() => {
        hidden.isLasting = true;
        this.#review();
      }, LASTING);
      this.#hidden.set(id, hidden);
    }
  }

  #take(warnings: Map<string, Warning>): void {
    const before = this.#warnings;
    this.#warnings = warnings;
    const news = [...warnings].filter(([key]) => !before.has(key));
    if (news.length === 0 && warnings.size === before.size) return;
    this.emit('changed');
    for (const [key, { kind }] of news) {
      if (kind === 'sender-mismatch' || kind === 'role-mismatch' || kind === 'key-changed') {
        this.emit('error', new QuietroomError(kind, key));
      }
    }
  }

  /** Ids are chosen by others, so those of whoever is gone are not kept for ever. */
  #forgetOld(): void {
    const present = new Set(this.#epoch?.members.map(({ participantId }) => participantId));
    for (const id of this.#keys.keys()) {
      if (this.#keys.size <= MAX_KEYS) return;
      if (present.has(id) || this.#roster.find(id) !== undefined) continue;
      this.#keys.delete(id);
      this.#swapped.delete(id);
    }
  }
}

interface Hidden {
  member: GroupMember;
  isLasting: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

function keyOf(warning: Warning): string {
  switch (warning.kind) {
    case 'sender-mismatch':
    case 'undecryptable':
      return `${warning.kind}: ${warning.place} of ${warning.participant.id}`;
    case 'role-mismatch':
    case 'key-changed':
      return `${warning.kind}: ${warning.participant.id}`;
    case 'hidden-member':
      return `${warning.kind}: ${warning.member.participantId}`;
    case 'unsent':
      return warning.kind;
  }
}

const PLACES: readonly Place[] = ['person', 'screen'];

/** What lasts shorter, in ms, is a change of the group or of the people that is under way. */
const LASTING = 2500;

/** Far more than people come in a session. */
const MAX_KEYS = 500;
