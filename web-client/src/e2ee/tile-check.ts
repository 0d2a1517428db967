import type { WorkerReport } from './messages';
import type { GroupRoster } from './roster';

type SenderReport = Extract<WorkerReport, { type: 'sender' }>;

/**
 * Whether what a slot shows is of the one whom the server named there: the
 * group says whose key decrypted its frames, and the server's word is a hint.
 */
export class TileCheck {
  readonly #roster: GroupRoster;
  /** By slot and kind. */
  readonly #senders = new Map<string, { readonly slot: number; readonly participantId: string }>();

  constructor(roster: GroupRoster) {
    this.#roster = roster;
  }

  handleSender({ slot, kind, epoch, leaf, context }: SenderReport): void {
    // The SFU could show somebody's screen where the camera belongs.
    const isExpected = context === (kind === 'audio' ? MICROPHONE : CAMERA);
    const participantId = isExpected
      ? (this.#roster.byLeaf(epoch, leaf)?.participantId ?? NOBODY)
      : NOBODY;
    this.#senders.set(`${slot} ${kind}`, { slot, participantId });
  }

  /** What came before is of the former occupant; what comes next will be told again. */
  forget(slot: number): void {
    for (const [key, sender] of this.#senders) if (sender.slot === slot) this.#senders.delete(key);
  }

  /** Whether frames in `slot` are of somebody other than `occupant`. */
  isMismatch(slot: number, occupant: string): boolean {
    return [...this.#senders.values()].some(
      (sender) => sender.slot === slot && sender.participantId !== occupant,
    );
  }
}

/** Contexts of key ids (RFC 9605 §5.2), as this client gives them out. */
const MICROPHONE = 0;
const CAMERA = 1;

/** No participant's id. */
const NOBODY = '';
