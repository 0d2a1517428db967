import { Emitter } from '../events';
import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { SlotAssignment } from '../signaling/protocol/SlotAssignment';
import type { SlotsBy, SlotTracks } from '../transport/peer';
import { SlotTable } from '../transport/slots';
import type { Occupant, Place } from '../e2ee/messages';
import { RemoteParticipant } from './participant';
import { Track } from './track';
import type { Picture } from './views';

interface RosterEvents {
  participantJoined: [participant: RemoteParticipant];
  participantUpdated: [participant: RemoteParticipant];
  participantLeft: [participant: RemoteParticipant];
  trackSubscribed: [track: Track, participant: RemoteParticipant];
  trackUnsubscribed: [track: Track, participant: RemoteParticipant];
  /** Somebody else is in a slot, or nobody. */
  slotChanged: [slot: number];
  /** One of {@link Roster.pictures} is another one. */
  viewChanged: [];
}

/**
 * The others in the room and what is received of them. Who is there and who
 * is in which slot may be told in any order.
 */
export class Roster extends Emitter<RosterEvents> {
  readonly #participants = new Map<string, RemoteParticipant>();
  #areas: Record<Place, Area> = { person: new Area(0, []), screen: new Area(0, []) };

  /** Those who are yet to be told of again after we joined again. */
  readonly #absent = new Map<string, ReturnType<typeof setTimeout>>();

  /** Those whom the server told of. */
  get present(): readonly RemoteParticipant[] {
    return this.participants.filter(({ id }) => !this.#absent.has(id));
  }

  /** In the order they came. */
  get participants(): readonly RemoteParticipant[] {
    return [...this.#participants.values()];
  }

  find(participantId: string): RemoteParticipant | undefined {
    return this.#participants.get(participantId);
  }

  /** The slot that somebody, or somebody's screen, is in; as transforms number it. */
  slotOf(participantId: string, place: Place): number | undefined {
    const { first, table } = this.#areas[place];
    const slot = table.slotOf(participantId);
    return slot === undefined ? undefined : first + slot;
  }

  /** Who is in a slot as transforms number it, by the server's word. */
  occupantOf(slot: number): Occupant | undefined {
    const place = slot < this.#areas.screen.first ? 'person' : 'screen';
    const { first, table } = this.#areas[place];
    const participantId = table.occupantOf(slot - first);
    return participantId === undefined ? undefined : { participantId, place };
  }

  /** How many screens can be shared at once, and how many are. */
  get screens(): { readonly slots: number; readonly taken: number } {
    const { tracks, table } = this.#areas.screen;
    return { slots: tracks.length, taken: table.takenSlots.length };
  }

  /** The pictures that can be received now. */
  get pictures(): readonly Picture[] {
    return this.participants.flatMap((participant) =>
      PLACES.flatMap((place): Picture[] => {
        const track = place === 'person' ? participant.videoTrack : participant.screenTrack;
        const slot = this.#areas[place].table.slotOf(participant.id);
        return track === undefined || slot === undefined ? [] : [{ place, slot, view: track.view }];
      }),
    );
  }

  handleSlotTracks({ people, screens }: SlotsBy<readonly SlotTracks[]>): void {
    const former = PLACES.flatMap((place) => {
      const { first, table } = this.#areas[place];
      return table.takenSlots.map((slot) => first + slot);
    });
    this.#areas = { person: new Area(0, people), screen: new Area(people.length, screens) };
    for (const slot of former) this.emit('slotChanged', slot);
  }

  /**
   * We joined again. Nothing is received of anybody yet; who is not there yet
   * may come back too, as after a restart of the server all do.
   */
  handleRejoined(states: readonly ParticipantState[]): void {
    const back = new Set(states.map(({ id }) => id));
    for (const participant of this.participants) {
      for (const place of PLACES) this.#unsubscribe(participant, place);
      participant.handleSharing(false);
      if (back.has(participant.id)) continue;
      participant.handleAbsent();
      this.emit('participantUpdated', participant);
      clearTimeout(this.#absent.get(participant.id));
      const giveUp = (): void => {
        this.handleParticipantLeft(participant.id);
      };
      this.#absent.set(participant.id, setTimeout(giveUp, RETURN_TIME));
    }
  }

  /** Somebody came in, or is told of again. */
  handleParticipant(state: ParticipantState): void {
    this.#settle(state.id);
    const known = this.#participants.get(state.id);
    if (known !== undefined) {
      known.handleUpdate(state);
      this.emit('participantUpdated', known);
      return;
    }
    const participant = new RemoteParticipant(state);
    this.#participants.set(state.id, participant);
    participant.handleSharing(this.slotOf(state.id, 'screen') !== undefined);
    this.emit('participantJoined', participant);
    for (const place of PLACES) this.#subscribe(participant, place);
  }

  /** The group tells something new of a participant. */
  handleMember(participant: RemoteParticipant): void {
    this.emit('participantUpdated', participant);
  }

  /** Takes a participant's tracks away for as long as they are not what belongs there. */
  setBlanked(participant: RemoteParticipant, place: Place, isBlanked: boolean): void {
    if (isBlankedAt(participant, place) === isBlanked) return;
    participant.handleBlanked(place, isBlanked);
    if (isBlanked) this.#unsubscribe(participant, place);
    else this.#subscribe(participant, place);
    this.emit('participantUpdated', participant);
  }

  handleParticipantLeft(participantId: string): void {
    this.#settle(participantId);
    const participant = this.#participants.get(participantId);
    const changed = PLACES.flatMap((place) => {
      const { first, table } = this.#areas[place];
      return table.remove(participantId).map(({ slot }) => first + slot);
    });
    if (participant !== undefined) {
      for (const place of PLACES) this.#unsubscribe(participant, place);
      this.#participants.delete(participantId);
      this.emit('participantLeft', participant);
    }
    for (const slot of changed) this.emit('slotChanged', slot);
  }

  /** Throws a `RangeError` for a slot that was never offered. */
  handleAssignments(assignments: readonly SlotAssignment[], place: Place): void {
    const { first, table } = this.#areas[place];
    const changes = table.assign(assignments);
    for (const { previous } of changes) {
      const participant = previous === undefined ? undefined : this.#participants.get(previous);
      if (participant === undefined) continue;
      this.#unsubscribe(participant, place);
      if (place === 'screen') this.#setSharing(participant, false);
    }
    for (const { slot, occupant } of changes) {
      this.emit('slotChanged', first + slot);
      const participant = occupant === undefined ? undefined : this.#participants.get(occupant);
      if (participant === undefined) continue;
      if (place === 'screen') this.#setSharing(participant, true);
      this.#subscribe(participant, place);
    }
  }

  /** The own stay is over: everybody is gone. */
  clear(): void {
    for (const participant of this.participants) this.handleParticipantLeft(participant.id);
  }

  #settle(participantId: string): void {
    clearTimeout(this.#absent.get(participantId));
    this.#absent.delete(participantId);
  }

  #subscribe(participant: RemoteParticipant, place: Place): void {
    const area = this.#areas[place];
    const slot = area.table.slotOf(participant.id);
    const received = slot === undefined ? undefined : area.tracks[slot];
    const isSubscribed = place === 'person' ? participant.audioTrack : participant.screenTrack;
    if (received === undefined || isBlankedAt(participant, place) || isSubscribed) return;
    const { audio, video } = SOURCES[place];
    const handleView = (): void => {
      this.emit('viewChanged');
    };
    const tracks = [new Track(audio, received.audio), new Track(video, received.video, handleView)];
    participant.handleSubscribed(tracks);
    handleView();
    for (const track of tracks) this.emit('trackSubscribed', track, participant);
  }

  #setSharing(participant: RemoteParticipant, isSharing: boolean): void {
    participant.handleSharing(isSharing);
    this.emit('participantUpdated', participant);
  }

  #unsubscribe(participant: RemoteParticipant, place: Place): void {
    const { audio, video } = SOURCES[place];
    for (const track of participant.handleUnsubscribed([audio, video])) {
      this.emit('trackUnsubscribed', track, participant);
    }
  }
}

/** Slots for one purpose, and what comes in by them. */
class Area {
  /** The number of the first one, as transforms count. */
  readonly first: number;
  readonly tracks: readonly SlotTracks[];
  readonly table: SlotTable;

  constructor(first: number, tracks: readonly SlotTracks[]) {
    this.first = first;
    this.tracks = tracks;
    this.table = new SlotTable(tracks.length);
  }
}

function isBlankedAt(participant: RemoteParticipant, place: Place): boolean {
  return place === 'person' ? participant.isBlanked : participant.isScreenBlanked;
}

/** How long after us others may come back, in ms; somewhat more than the longest pause of theirs. */
const RETURN_TIME = 8000;

const PLACES: readonly Place[] = ['person', 'screen'];

const SOURCES = {
  person: { audio: 'microphone', video: 'camera' },
  screen: { audio: 'screen-audio', video: 'screen' },
} as const;
