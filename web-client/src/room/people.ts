import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { PauseReason } from '../signaling/protocol/PauseReason';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { Participant as ParticipantState } from '../signaling/protocol/Participant';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { SlotAssignment } from '../signaling/protocol/SlotAssignment';
import type { AudioOnlyReason, Tell } from './events';
import type { LocalParticipant, Participant } from './participant';
import { Roster } from './roster';
import { Views } from './views';

/** What the server says of the people in the room, this client among them. */
export class People {
  readonly roster = new Roster();
  /** How their pictures are shown. */
  readonly views: Views;
  readonly #local: LocalParticipant;
  readonly #tell: Tell;
  #speakers: readonly Participant[] = [];
  /** By the server's word, and by the person's own. */
  #takesSoundOnly = false;
  #choseSoundOnly = false;

  constructor(local: LocalParticipant, send: (message: ClientMessage) => void, tell: Tell) {
    this.#local = local;
    this.#tell = tell;
    this.views = new Views(() => this.roster.pictures, send);
    this.#forwardRoster();
  }

  /** As {@link Room.speakers}. */
  get speakers(): readonly Participant[] {
    return this.#speakers.filter(({ isSpeaking }) => isSpeaking);
  }

  /** As {@link Room.audioOnly}. */
  get audioOnly(): AudioOnlyReason | undefined {
    if (this.#choseSoundOnly) return 'chosen';
    return this.#takesSoundOnly ? 'slow-connection' : undefined;
  }

  /** As {@link Room.setAudioOnly}. */
  setAudioOnly(isAudioOnly: boolean): void {
    this.#changeAudioOnly(() => {
      this.#choseSoundOnly = isAudioOnly;
      this.views.setHidden(isAudioOnly);
    });
  }

  /** Returns whether others than before are here. */
  handlePresence(message: PresenceMessage): boolean {
    if (message.type === 'participant-left') {
      this.roster.handleParticipantLeft(message.participantId);
      return true;
    }
    const { type, participant } = message;
    if (participant.id === this.#local.id) return false;
    this.roster.handleParticipant(participant);
    return type === 'participant-joined';
  }

  /** How they speak, and what is received of them. */
  handleState(message: StateMessage): void {
    switch (message.type) {
      case 'quality':
        this.#handleQuality(message);
        break;
      case 'speakers':
        this.#handleSpeakers(message.participantIds);
        break;
      case 'paused':
        this.#handlePaused(message.participantId, message.source, message.reason);
        break;
      case 'unpaused':
        this.#handlePaused(message.participantId, message.source, undefined);
        break;
      case 'audio-only':
        this.#changeAudioOnly(() => {
          this.#takesSoundOnly = message.audioOnly;
        });
        break;
    }
  }

  /** Throws a `RangeError` for a slot that was never offered. */
  handleSlots(assignments: readonly SlotAssignment[]): void {
    this.roster.handleAssignments(assignments, 'person');
  }

  /**
   * Returns whether a screen of ours is among those shared now; nothing if that
   * is no news. Throws as {@link People.handleSlots}.
   */
  handleScreens(assignments: readonly SlotAssignment[]): boolean | undefined {
    this.roster.handleAssignments(assignments, 'screen');
    const { id } = this.#local;
    if (id === undefined) return undefined;
    if (assignments.some(({ participantId }) => participantId === id)) return true;
    return this.roster.slotOf(id, 'screen') === undefined ? false : undefined;
  }

  /** The stay is lost: nobody is heard. */
  handleLost(): void {
    this.#handleSpeakers([]);
  }

  /** This client joined again, and `states` are there. */
  handleRejoined(states: readonly ParticipantState[]): void {
    this.#handleSpeakers([]);
    this.#changeAudioOnly(() => {
      this.#takesSoundOnly = false;
    });
    // The server tells anew of those that are not good.
    for (const participant of this.#everybody) participant.handleQuality({ level: 'good' });
    this.roster.handleRejoined(states);
  }

  get #everybody(): readonly Participant[] {
    return [...this.roster.participants, this.#local];
  }

  #handleQuality({ participantId, level, cause }: QualityMessage): void {
    const isLocal = participantId === this.#local.id;
    const participant = isLocal ? this.#local : this.roster.find(participantId);
    if (participant === undefined) return;
    participant.handleQuality({ level, ...(cause !== undefined && { cause }) });
    this.#tell('qualityChanged', participant);
  }

  #handleSpeakers(ids: readonly string[]): void {
    const everybody = this.#everybody;
    this.#speakers = ids.flatMap((id) => everybody.find((one) => one.id === id) ?? []);
    for (const participant of everybody) {
      participant.handleSpeaking(this.#speakers.includes(participant));
    }
    this.#tell('speakersChanged', this.speakers);
  }

  #changeAudioOnly(change: () => void): void {
    const before = this.audioOnly;
    change();
    if (this.audioOnly !== before) this.#tell('audioOnlyChanged', this.audioOnly);
  }

  #handlePaused(
    participantId: string,
    source: PublicationSource,
    reason: PauseReason | undefined,
  ): void {
    const participant = this.roster.find(participantId);
    if (participant?.handlePaused(source, reason) !== true) return;
    this.#tell('pausedChanged', participant, source, reason);
    this.#tell('participantUpdated', participant);
  }

  #forwardRoster(): void {
    const { roster } = this;
    roster.on('participantJoined', (participant) => {
      this.#tell('participantJoined', participant);
    });
    roster.on('participantUpdated', (participant) => {
      this.#tell('participantUpdated', participant);
    });
    roster.on('participantLeft', (participant) => {
      this.#speakers = this.#speakers.filter((speaker) => speaker !== participant);
      this.#tell('participantLeft', participant);
    });
    roster.on('trackSubscribed', (track, participant) => {
      this.#tell('trackSubscribed', track, participant);
    });
    roster.on('trackUnsubscribed', (track, participant) => {
      this.#tell('trackUnsubscribed', track, participant);
    });
    roster.on('viewChanged', () => {
      this.views.update();
    });
  }
}

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>;

type PresenceMessage = MessageOf<'participant-joined' | 'participant-updated' | 'participant-left'>;

type QualityMessage = MessageOf<'quality'>;

type StateMessage = QualityMessage | MessageOf<'speakers' | 'paused' | 'unpaused' | 'audio-only'>;
