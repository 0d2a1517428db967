import type { GroupChannel } from '../e2ee/group-channel';
import type { GroupEpoch, Place } from '../e2ee/messages';
import { TileCheck } from '../e2ee/tile-check';
import type { Transforms } from '../e2ee/transforms';
import type { ApplicationMessage } from '../e2ee/worker/mls/application';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type { RemoteParticipant } from './participant';
import type { Roster } from './roster';

interface MembershipEvents {
  /** The group has other members, or the first. */
  changed: [epoch: GroupEpoch];
  /** Somebody is in the group who was not before, and reads nothing from before. */
  newcomers: [];
  chat: [participant: RemoteParticipant, text: string];
  reaction: [participant: RemoteParticipant, reaction: string];
  error: [error: QuietroomError];
}

/**
 * Joins what the group knows to the people of signaling: names, raised hands,
 * keys, and whose picture is on a tile.
 */
export class Membership extends Emitter<MembershipEvents> {
  readonly #channel: GroupChannel;
  readonly #roster: Roster;
  readonly #check = new TileCheck();
  /** By participant; a profile may come before signaling tells of its owner. */
  readonly #profiles = new Map<string, Extract<ApplicationMessage, { type: 'profile' }>>();
  /** The slots whose mismatch was told of. */
  readonly #accused = new Set<number>();
  readonly #stops: (() => void)[];
  #epoch: GroupEpoch | undefined;
  #profile: Extract<ApplicationMessage, { type: 'profile' }>;

  constructor(channel: GroupChannel, transforms: Transforms, roster: Roster, name: string) {
    super();
    this.#channel = channel;
    this.#roster = roster;
    this.#profile = { type: 'profile', name, handRaised: false };
    this.#stops = [
      channel.on('epoch', (epoch) => {
        this.#handleEpoch(epoch);
      }),
      channel.on('told', (participantId, message) => {
        this.#handleTold(participantId, message);
      }),
      transforms.on('undecryptable', ({ slot, reason }) => {
        if (reason === 'foreign') this.#check.note(slot);
      }),
      this.#check.on('changed', () => {
        this.#verifyAll();
      }),
      roster.on('participantJoined', (participant) => {
        this.#describe(participant);
      }),
      roster.on('participantLeft', ({ id }) => {
        this.#forget(id);
      }),
      roster.on('slotChanged', (slot) => {
        this.#channel.occupy(slot, this.#roster.occupantOf(slot));
        this.#check.handleChange(slot);
        this.#verifyAll();
      }),
    ];
  }

  /** The group as it is now; absent until this client is in it. */
  get epoch(): GroupEpoch | undefined {
    return this.#epoch;
  }

  get name(): string {
    return this.#profile.name;
  }

  get handRaised(): boolean {
    return this.#profile.handRaised;
  }

  /** Throws a `RangeError` when the name is too long. */
  setProfile(change: { readonly name?: string; readonly handRaised?: boolean }): void {
    const profile = { ...this.#profile, ...change };
    if (profile.name.length > MAX_NAME_LENGTH) throw new RangeError('the name is too long');
    this.#profile = profile;
    this.#channel.tell(profile);
  }

  /** Throws `encryption-pending` before this client is in the group. */
  tell(message: Exclude<ApplicationMessage, { type: 'profile' }>): void {
    if (this.epoch === undefined) throw new QuietroomError('encryption-pending');
    this.#channel.tell(message);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#check.close();
  }

  #handleEpoch(epoch: GroupEpoch): void {
    const before = this.#epoch?.members;
    const isFirst = before === undefined;
    const known = new Set(before?.map(({ key }) => key));
    this.#epoch = epoch;
    if (!isFirst && epoch.members.some(({ key }) => !known.has(key))) this.emit('newcomers');
    if (isFirst && (this.name !== '' || this.handRaised)) this.#channel.tell(this.#profile);
    for (const participant of this.#roster.participants) this.#describe(participant);
    this.#verifyAll();
    this.emit('changed', epoch);
  }

  #handleTold(participantId: string, message: ApplicationMessage): void {
    if (message.type === 'profile') this.#profiles.set(participantId, message);
    const participant = this.#roster.find(participantId);
    if (participant === undefined) return;
    switch (message.type) {
      case 'profile':
        this.#describe(participant);
        break;
      case 'chat':
        this.emit('chat', participant, message.text);
        break;
      case 'reaction':
        this.emit('reaction', participant, message.reaction);
        break;
    }
  }

  #describe(participant: RemoteParticipant): void {
    const { name, handRaised } = this.#profiles.get(participant.id) ?? {};
    const isNews = participant.handleMember(
      this.#epoch?.members.find(({ participantId }) => participantId === participant.id),
      name ?? '',
      handRaised ?? false,
    );
    if (isNews) this.#roster.handleMember(participant);
  }

  #forget(participantId: string): void {
    this.#profiles.delete(participantId);
  }

  /** Blanks whoever is not who the server says, and says so if that lasts. */
  #verifyAll(): void {
    for (const participant of this.#roster.participants) {
      this.#verify(participant, 'person');
      this.#verify(participant, 'screen');
    }
  }

  #verify(participant: RemoteParticipant, place: Place): void {
    const slot = this.#roster.slotOf(participant.id, place);
    this.#roster.setBlanked(participant, place, slot !== undefined && this.#check.isPresent(slot));
    if (slot === undefined) return;
    if (!this.#check.lasts(slot)) {
      this.#accused.delete(slot);
    } else if (!this.#accused.has(slot)) {
      this.#accused.add(slot);
      this.emit('error', new QuietroomError('sender-mismatch', `${place} of ${participant.id}`));
    }
  }
}

/** As members take it, in UTF-16 code units. */
const MAX_NAME_LENGTH = 80;
