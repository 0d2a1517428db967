import type { WorkerReport } from './messages';
import type { GroupRoster } from './roster';
import { CONTEXTS, type Context } from './worker/sframe/key-id';

type SenderReport = Extract<WorkerReport, { type: 'sender' }>;

/**
 * Whether what a slot shows is of the one whom the server named there: the
 * group says whose key decrypted its frames, and the server's word is a hint.
 */
export class TileCheck {
  readonly #roster: GroupRoster;
  /** By slot and kind. */
  readonly #senders = new Map<string, Seen>();

  constructor(roster: GroupRoster) {
    this.#roster = roster;
  }

  handleSender({ slot, kind, epoch, leaf, context }: SenderReport): void {
    const participantId = this.#roster.byLeaf(epoch, leaf)?.participantId ?? NOBODY;
    this.#senders.set(`${slot} ${kind}`, { slot, kind, participantId, context });
  }

  /** What came before is of the former occupant; what comes next will be told again. */
  forget(slot: number): void {
    for (const [key, sender] of this.#senders) if (sender.slot === slot) this.#senders.delete(key);
  }

  /**
   * Whether frames in `slot` are of somebody other than `occupant`, or not of
   * what belongs there: the SFU could show a screen where the camera belongs.
   */
  isMismatch(slot: number, occupant: string, place: Place): boolean {
    return [...this.#senders.values()].some(
      (sender) =>
        sender.slot === slot &&
        (sender.participantId !== occupant || sender.context !== EXPECTED[place][sender.kind]),
    );
  }
}

/** What a slot is for: a person's camera and microphone, or a shared screen and its sound. */
export type Place = 'person' | 'screen';

/** Whose frames decrypted at one half of a slot. */
interface Seen {
  readonly slot: number;
  readonly kind: 'audio' | 'video';
  readonly participantId: string;
  readonly context: Context;
}

/** Contexts of key ids (RFC 9605 §5.2), as this client gives them out. */
const EXPECTED = {
  person: { audio: CONTEXTS.microphone, video: CONTEXTS.camera },
  screen: { audio: CONTEXTS['screen-audio'], video: CONTEXTS.screen },
} as const;

/** No participant's id. */
const NOBODY = '';
