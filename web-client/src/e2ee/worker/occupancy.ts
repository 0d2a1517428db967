import type { Occupant } from '../messages';
import type { FrameSender } from './decryptor';
import { CONTEXTS } from './sframe/key-id';

/**
 * Who is in which slot by the page's word. What decrypted there belongs there
 * only if its key is that one's: the SFU could put anybody's frames anywhere,
 * and a screen where the camera belongs.
 */
export class Occupancy {
  readonly #occupants = new Map<number, Occupant>();

  occupy(slot: number, occupant: Occupant | undefined): void {
    if (occupant === undefined) this.#occupants.delete(slot);
    else this.#occupants.set(slot, occupant);
  }

  /** Whether frames of `kind` by `sender` belong in `slot`; none do where nobody is. */
  admits(slot: number, kind: 'audio' | 'video', sender: FrameSender): boolean {
    const occupant = this.#occupants.get(slot);
    return (
      occupant !== undefined &&
      occupant.participantId === sender.participantId &&
      EXPECTED[occupant.place][kind] === sender.context
    );
  }
}

/** Contexts of key ids (RFC 9605 §5.2), as this client gives them out. */
const EXPECTED = {
  person: { audio: CONTEXTS.microphone, video: CONTEXTS.camera },
  screen: { audio: CONTEXTS['screen-audio'], video: CONTEXTS.screen },
} as const;
