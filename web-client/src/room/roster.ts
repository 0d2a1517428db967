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
    const slot = this.#table.slotOf(state.id);
    if (slot !== undefined) this.#subscribe(participant, slot);
  }

  handleParticipantLeft(participantId: string): void {
    const participant = this.#participants.get(participantId);
    this.#table.remove(participantId);
    if (participant === undefined) return;
    this.#unsubscribe(participant);
    this.#participants.delete(participantId);
    this.emit('participantLeft', participant);
  }

  /** Throws a `RangeError` for a slot that was never offered. */
  handleAssignments(assignments: readonly SlotAssignment[]): void {
    const changes = this.#table.assign(assignments);
    for (const { previous } of changes) {
      const participant = previous === undefined ? undefined : this.#participants.get(previous);
      if (participant !== undefined) this.#unsubscribe(participant);
    }
    for (const { slot, occupant } of changes) {
      const participant = occupant === undefined ? undefined : this.#participants.get(occupant);
      if (participant !== undefined) this.#subscribe(participant, slot);
    }
  }

  /** The own stay is over: everybody is gone. */
  clear(): void {
    for (const participant of this.participants) this.handleParticipantLeft(participant.id);
  }

  #subscribe(participant: RemoteParticipant, slot: number): void {
    const tracks = this.#slotTracks[slot];
    if (tracks === undefined) return;
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
