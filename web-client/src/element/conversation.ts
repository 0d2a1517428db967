/** One thing that somebody wrote. */
export interface ChatLine {
  readonly id: number;
  /** What its writer was called when it came. */
  readonly writer: string;
  readonly isOwn: boolean;
  readonly text: string;
  /** Milliseconds since the epoch, by this computer's clock. */
  readonly at: number;
}

/** What was written during a stay; nothing of it is kept beyond. */
export class Conversation {
  #lines: readonly ChatLine[] = [];
  #unread = 0;
  #isOpen = false;
  #nextId = 1;

  /** Oldest first. */
  get lines(): readonly ChatLine[] {
    return this.#lines;
  }

  /** How many lines of others came while it was closed. */
  get unread(): number {
    return this.#unread;
  }

  setOpen(isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (isOpen) this.#unread = 0;
  }

  /** The oldest of too many lines is forgotten. */
  add(line: Omit<ChatLine, 'id'>): void {
    this.#lines = [...this.#lines, { ...line, id: this.#nextId++ }].slice(-MAX_LINES);
    if (!line.isOwn && !this.#isOpen) this.#unread += 1;
  }

  clear(): void {
    this.#lines = [];
    this.#unread = 0;
  }
}

/** Far more than a session's; a member who floods must not fill the memory. */
export const MAX_LINES = 500;
