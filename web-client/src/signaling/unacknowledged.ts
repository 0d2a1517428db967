/** What was said in a stay, in order, for as long as the server may not have it. Bounded. */
export class Unacknowledged {
  #texts: string[] = [];
  #length = 0;
  /** How many messages went before the first of them. */
  #forgotten = 0;
  /** How many the server has. */
  #received = 0;

  /** Returns the message's number, from 1. */
  push(text: string): number {
    this.#texts.push(text);
    this.#length += text.length;
    const number = this.#forgotten + this.#texts.length;
    while (this.#length > MAX_LENGTH || this.#texts.length > MAX_COUNT) this.#forgetOldest();
    return number;
  }

  /** Whether the server is known to have the message of this number. */
  hasArrived(number: number): boolean {
    return number <= this.#received;
  }

  /** The server has so many messages in all. Returns whether that can be. */
  acknowledge(received: number): boolean {
    if (received > this.#forgotten + this.#texts.length) return false;
    this.#received = Math.max(this.#received, received);
    while (this.#forgotten < received) this.#forgetOldest();
    return true;
  }

  /**
   * What the server, which has so many messages in all, is to be sent again;
   * `undefined` if that is not known any more.
   */
  rewind(received: number): readonly string[] | undefined {
    if (received < this.#forgotten || !this.acknowledge(received)) return undefined;
    return this.#texts;
  }

  #forgetOldest(): void {
    this.#length -= this.#texts.shift()?.length ?? 0;
    this.#forgotten += 1;
  }
}

/** In UTF-16 code units: some offers of 30 KB, and what a group says when all come at once. */
const MAX_LENGTH = 1024 * 1024;

/** More than the server takes at once. */
const MAX_COUNT = 1000;
