import type { GroupChannel } from '../e2ee/group-channel';
import type { GroupEpoch, GroupMember } from '../e2ee/messages';
import type { Transforms } from '../e2ee/transforms';
import type { PersonMessage } from '../e2ee/worker/mls/application';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import { shownName } from './name';
import type { EmergencyInformation, RemoteParticipant } from './participant';
import { Protection, type Warning } from './protection';
import type { Roster } from './roster';

interface MembershipEvents {
  /** The group has other members, or the first. */
  changed: [epoch: GroupEpoch];
  /** This client is in the group no more: nothing is sent or shown until `changed`. */
  lost: [];
  /** Somebody is in the group who was not before, and reads nothing from before. */
  newcomers: [];
  chat: [participant: RemoteParticipant, text: string];
  reaction: [participant: RemoteParticipant, reaction: string];
  emergency: [participant: RemoteParticipant, information: EmergencyInformation];
  /** {@link Membership.warnings} are others. */
  warningsChanged: [];
  error: [error: QuietroomError];
}

/**
 * Joins what the group knows to the people of signaling: names, raised hands
 * and keys.
 */
export class Membership extends Emitter<MembershipEvents> {
  readonly #channel: GroupChannel;
  readonly #roster: Roster;
  readonly #protection: Protection;
  /** By key, oldest first; a profile may come before signaling tells of its owner. */
  readonly #profiles = new Map<string, Profile>();
  /** By key, oldest first: who comes back says them no second time. */
  readonly #emergencies = new Map<string, EmergencyInformation>();
  readonly #stops: (() => void)[];
  #epoch: GroupEpoch | undefined;
  #profile: Profile;

  constructor(
    channel: GroupChannel,
    transforms: Transforms,
    roster: Roster,
    own: { readonly participantId: string; readonly name: string },
  ) {
    super();
    this.#protection = new Protection(transforms, roster, own.participantId);
    this.#channel = channel;
    this.#roster = roster;
    this.#profile = { type: 'profile', name: own.name, handRaised: false };
    this.#stops = [
      channel.on('epoch', (epoch) => {
        this.#handleEpoch(epoch);
      }),
      channel.on('lost', () => {
        this.#epoch = undefined;
        this.#protection.handleEpoch(undefined);
        this.emit('lost');
      }),
      channel.on('told', (participantId, key, message) => {
        this.#handleTold(participantId, key, message);
      }),
      this.#protection.on('changed', () => {
        this.emit('warningsChanged');
      }),
      this.#protection.on('error', (error) => {
        this.emit('error', error);
      }),
      roster.on('participantJoined', (participant) => {
        this.#describe(participant);
      }),
      roster.on('slotChanged', (slot) => {
        this.#channel.occupy(slot, this.#roster.occupantOf(slot));
      }),
    ];
  }

  /** The group as it is now; absent until this client is in it. */
  get epoch(): GroupEpoch | undefined {
    return this.#epoch;
  }

  /** What is amiss with the session's protection. */
  get warnings(): readonly Warning[] {
    return this.#protection.warnings;
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
    this.#channel.tell(profile);
    this.#profile = profile;
  }

  /** Throws `encryption-pending` before this client is in the group, or a `RangeError`. */
  tell(message: Exclude<PersonMessage, { type: 'profile' }>): void {
    if (this.epoch === undefined) throw new QuietroomError('encryption-pending');
    this.#channel.tell(message);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#protection.close();
  }

  #handleEpoch(epoch: GroupEpoch): void {
    const before = this.#epoch?.members;
    const isFirst = before === undefined;
    const known = new Set(before?.map(({ key }) => key));
    this.#epoch = epoch;
    if (!isFirst && epoch.members.some(({ key }) => !known.has(key))) this.emit('newcomers');
    if (isFirst) this.#channel.tell(this.#profile);
    for (const participant of this.#roster.participants) this.#describe(participant);
    this.#protection.handleEpoch(epoch);
    this.emit('changed', epoch);
  }

  #handleTold(participantId: string, key: string, message: PersonMessage): void {
    if (message.type === 'profile') this.#keep(this.#profiles, key, message);
    if (message.type === 'emergency') {
      const { place, contact } = message;
      const before = this.#emergencies.get(key);
      const isNews = before?.place !== place || before.contact !== contact;
      this.#keep(this.#emergencies, key, isNews ? { place, contact } : before);
    }
    const participant = this.#roster.find(participantId);
    // What somebody said who is gone from the group by now still counts.
    const member = this.#memberOf(participantId);
    if (participant === undefined || (member !== undefined && member.key !== key)) return;
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
      case 'emergency':
        if (member === undefined) this.#tellEmergency(participant, key);
        else this.#describe(participant);
        break;
    }
  }

  #describe(participant: RemoteParticipant): void {
    const member = this.#memberOf(participant.id);
    const { name, handRaised } = (member && this.#profiles.get(member.key)) ?? {};
    const isNews = participant.handleMember(member, shownName(name ?? ''), handRaised ?? false);
    if (isNews) this.#roster.handleMember(participant);
    if (member) this.#tellEmergency(participant, member.key);
  }

  #tellEmergency(participant: RemoteParticipant, key: string): void {
    const emergency = this.#emergencies.get(key);
    if (emergency !== undefined && participant.emergencyInformation !== emergency) {
      this.emit('emergency', participant, emergency);
    }
  }

  #memberOf(participantId: string): GroupMember | undefined {
    return this.#epoch?.members.find((member) => member.participantId === participantId);
  }

  /** Who is added anew under its key says it no second time. */
  #keep<Value>(kept: Map<string, Value>, key: string, value: Value): void {
    kept.delete(key);
    kept.set(key, value);
    const present = new Set(this.#epoch?.members.map((member) => member.key));
    for (const old of kept.keys()) {
      if (kept.size <= MAX_KEPT) return;
      if (!present.has(old)) kept.delete(old);
    }
  }
}

type Profile = Extract<PersonMessage, { type: 'profile' }>;

/** Keys are chosen by others, so those of whoever is gone are not kept for ever. */
const MAX_KEPT = 200;
