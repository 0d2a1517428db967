/** What came before its epoch did. Bounded; the oldest is dropped. */
export class Early {
  readonly #commits = new Map<bigint, Uint8Array>();
  #messages: Uint8Array[] = [];

  /** Of an epoch's commits the last that the server brought counts: it feeds anew whoever asks. */
  keepCommit(epoch: bigint, commit: Uint8Array): void {
    if (this.#commits.size < MAX_COMMITS || this.#commits.has(epoch)) {
      this.#commits.set(epoch, commit);
    }
  }

  takeCommit(epoch: bigint): Uint8Array | undefined {
    const commit = this.#commits.get(epoch);
    for (const kept of [...this.#commits.keys()]) if (kept <= epoch) this.#commits.delete(kept);
    return commit;
  }

  forgetCommits(): void {
    this.#commits.clear();
  }

  keepMessage(message: Uint8Array): void {
    this.#messages = [...this.#messages, message].slice(-MAX_MESSAGES);
  }

  takeMessages(): readonly Uint8Array[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }
}

const MAX_COMMITS = 8;
const MAX_MESSAGES = 64;
