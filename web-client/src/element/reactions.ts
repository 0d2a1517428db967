import { Emitter } from '../events';

/** What can be pressed; others' clients may have more. */
export const REACTIONS = ['👍', '👏', '❤️', '😂', '😮', '🙏'] as const;

interface ReactionsEvents {
  changed: [];
}

/** Whose reaction is to be seen just now. */
export class Reactions extends Emitter<ReactionsEvents> {
  readonly #shown = new Map<
    string,
    { readonly reaction: string; readonly timer: ReturnType<typeof setTimeout> }
  >();

  /** What `participantId` shows just now. */
  of(participantId: string): string | undefined {
    return this.#shown.get(participantId)?.reaction;
  }

  /** Shows `reaction` for a while; returns whether it is one. Members may send any text. */
  show(participantId: string, reaction: string): boolean {
    if (!EMOJI.test(reaction)) return false;
    clearTimeout(this.#shown.get(participantId)?.timer);
    const hide = (): void => {
      this.#shown.delete(participantId);
      this.emit('changed');
    };
    this.#shown.set(participantId, { reaction, timer: setTimeout(hide, SHOWN_FOR) });
    this.emit('changed');
    return true;
  }

  clear(): void {
    for (const { timer } of this.#shown.values()) clearTimeout(timer);
    this.#shown.clear();
  }
}

/** Pictographs with what modifies and joins them, and nothing that can be read. */
const EMOJI =
  /^\p{Extended_Pictographic}(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f)*$/u;

/** In ms. */
const SHOWN_FOR = 4_000;
