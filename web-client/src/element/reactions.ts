import { Emitter } from '../events';
import type { RemoteParticipant } from '../room/participant';

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

/**
 * Tells others' reactions to who does not see them: the first at once, and what
 * comes in the moments after it together, as many clap at the same time.
 */
export class ReactionNews {
  readonly #tell: (showers: readonly RemoteParticipant[], reaction: string) => void;
  /** By whom each was shown. */
  readonly #gathered = new Map<string, Set<RemoteParticipant>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (showers: readonly RemoteParticipant[], reaction: string) => void) {
    this.#tell = tell;
  }

  note(participant: RemoteParticipant, reaction: string): void {
    if (this.#timer === undefined) {
      this.#tell([participant], reaction);
      this.#gather();
      return;
    }
    const showers = this.#gathered.get(reaction) ?? new Set();
    this.#gathered.set(reaction, showers.add(participant));
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#gathered.clear();
  }

  #gather(): void {
    this.#timer = setTimeout(() => {
      const news = [...this.#gathered];
      this.clear();
      for (const [reaction, showers] of news) this.#tell([...showers], reaction);
      if (news.length > 0) this.#gather();
    }, GATHERED_FOR);
  }
}

/** Pictographs with what modifies and joins them, and nothing that can be read. */
const EMOJI =
  /^\p{Extended_Pictographic}(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f)*$/u;

/** In ms. */
const SHOWN_FOR = 4_000;
const GATHERED_FOR = 3_000;
