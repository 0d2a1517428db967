import { Emitter } from '../events';
import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { SlotAssignment } from '../signaling/protocol/SlotAssignment';
import type { SlotTracks } from '../transport/peer';
import { SlotTable } from '../transport/slots';
import { RemoteParticipant } from './participant';
import { Track } from './track';

interface RosterEvents {
  participantJoined: [participant: RemoteParticipant];
  participantUpdated: [participant: RemoteParticipant];
  participantLeft: [participant: RemoteParticipant];
  trackSubscribed: [track: Track, participant: RemoteParticipant];
  trackUnsubscribed: [track: Track, participant: RemoteParticipant];
  /** Somebody else is in a slot, or nobody. */
  slotChanged: [slot: number];
}

/**
 * The others in the room and what is received of them. Who is there and who
 * is in which slot may be told in any order.
 */
export class Roster extends Emitter<RosterEvents> {
  readonly #participants = new Map<string, RemoteParticipant>();
  #slotTracks: readonly SlotTracks[] = [];
  #table = new SlotTable(0);

  /** In the order they came. */
  get participants(): readonly RemoteParticipant[] {
    return [...this.#participants.values()];
  }

  find(participantId: string): RemoteParticipant | undefined {
    return this.#participants.get(participantId);
  }

  slotOf(participantId: string): number | undefined {
    return this.#table.slotOf(participantId);
  }

  handleSlotTracks(slotTracks: readonly SlotTracks[]): void {
    this.#slotTracks = slotTracks;
    this.#table = new SlotTable(slotTracks.length);
  }

  /** Somebody came in, or is told of again. */
  handleParticipant(state: ParticipantState): void {
    const known = this.#participants.get(state.id);
    if (known !== undefined) {
      known.handleUpdate(state);
      this.emit('participantUpdated', known);
      return;
    }
    const participant = new RemoteParticipant(state);
    this.#participants.set(state.id, participant);
    this.emit('participantJoined', participant);
    this.#subscribe(participant);
  }

  /** The group tells something new of a participant. */
  handleMember(participant: RemoteParticipant): void {
    this.emit('participantUpdated', participant);
  }

  /** Takes a participant's tracks away for as long as they are somebody else's. */
  setBlanked(participant: RemoteParticipant, isBlanked: boolean): void {
    if (participant.isBlanked === isBlanked) return;
    participant.handleBlanked(isBlanked);
    if (isBlanked) this.#unsubscribe(participant);
    else this.#subscribe(participant);
    this.emit('participantUpdated', participant);
  }

  handleParticipantLeft(participantId: string): void {
    const participant = this.#participants.get(participantId);
    const changes = this.#table.remove(participantId);
    if (participant !== undefined) {
      this.#unsubscribe(participant);
      this.#participants.delete(participantId);
      this.emit('participantLeft', participant);
    }
    for (const { slot } of changes) this.emit('slotChanged', slot);
  }

  /** Throws a `RangeError` for a slot that was never offered. */
  handleAssignments(assignments: readonly SlotAssignment[]): void {
    const changes = this.#table.assign(assignments);
    for (const { previous } of changes) {
      const participant = previous === undefined ? undefined : this.#participants.get(previous);
      if (participant !== undefined) this.#unsubscribe(participant);
    }
    for (const { slot, occupant } of changes) {
      this.emit('slotChanged', slot);
      const participant = occupant === undefined ? undefined : this.#participants.get(occupant);
      if (participant !== undefined) this.#subscribe(participant);
    }
  }

  /** The own stay is over: everybody is gone. */
  clear(): void {
    for (const participant of this.participants) this.handleParticipantLeft(participant.id);
  }

  #subscribe(participant: RemoteParticipant): void {
    const slot = this.#table.slotOf(participant.id);
    const tracks = slot === undefined ? undefined : this.#slotTracks[slot];
    if (tracks === undefined || participant.isBlanked || participant.audioTrack) return;
    const microphone = new Track('microphone', tracks.audio);
    const camera = new Track('camera', tracks.video);
    participant.handleSubscribed(microphone, camera);
    this.emit('trackSubscribed', microphone, participant);
    this.emit('trackSubscribed', camera, participant);
  }

  #unsubscribe(participant: RemoteParticipant): void {
    for (const track of participant.handleUnsubscribed()) {
      this.emit('trackUnsubscribed', track, participant);
    }
  }
}
