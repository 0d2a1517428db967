import type { GroupEpoch, GroupMember } from './messages';

/** Who is in the group, by epoch. */
export class GroupRoster {
  /** Newest last. */
  #epochs: GroupEpoch[] = [];

  handleEpoch(epoch: GroupEpoch): void {
    this.#epochs = [...this.#epochs, epoch].slice(-KEPT_EPOCHS);
  }

  /** The present epoch. */
  get present(): GroupEpoch | undefined {
    return this.#epochs.at(-1);
  }

  /** The present member that signaling knows by this id. */
  byParticipant(participantId: string): GroupMember | undefined {
    return this.present?.members.find((member) => member.participantId === participantId);
  }

  /** Who was at a leaf in an epoch, as the key ids of frames tell. */
  byLeaf(epoch: bigint, leaf: number): GroupMember | undefined {
    const members = this.#epochs.find((kept) => kept.epoch === epoch)?.members;
    return members?.find((member) => member.leaf === leaf);
  }
}

/** Frames come of few former epochs. */
const KEPT_EPOCHS = 16;
