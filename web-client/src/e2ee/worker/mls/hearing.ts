/**
 * Who has said who it is, and when to ask or to answer. Whoever lost the group
 * for a while may have missed what the others said to newcomers in that time:
 * it asks, and all say it again. Without a clock: times are handed in, in ms.
 */
export class Hearing {
  /** Everybody else in the group, and those who were heard, by key. */
  #others: ReadonlySet<string> = new Set();
  readonly #heard = new Set<string>();
  #askAt: number | undefined;
  #questions = 0;
  #answerAt: number | undefined;
  #answeredAt = -Infinity;

  /** When {@link Hearing.takeQuestion} or {@link Hearing.takeAnswer} is due. */
  get nextTimeout(): number | undefined {
    const times = [this.#askAt, this.#answerAt].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** `others` are in the group now; `hasReturned`: it went on without us for a while. */
  handleMembers(others: ReadonlySet<string>, hasReturned: boolean, now: number): void {
    const isNews = hasReturned || [...others].some((key) => !this.#others.has(key));
    this.#others = others;
    if (hasReturned) this.#heard.clear();
    for (const key of this.#heard) if (!others.has(key)) this.#heard.delete(key);
    if (isNews) {
      this.#questions = 0;
      this.#askAt = now + (hasReturned ? AFTER_RETURN : PATIENCE);
    }
    this.#rest();
  }

  handleProfile(key: string): void {
    if (this.#others.has(key)) this.#heard.add(key);
    this.#rest();
  }

  /** Somebody asks. */
  handleQuestion(now: number): void {
    this.#answerAt ??= Math.max(now, this.#answeredAt + BETWEEN_ANSWERS);
  }

  /** Whether to ask now. */
  takeQuestion(now: number): boolean {
    if (this.#askAt === undefined || now < this.#askAt) return false;
    this.#questions += 1;
    this.#askAt =
      this.#questions < MAX_QUESTIONS ? now + PATIENCE * 2 ** this.#questions : undefined;
    return true;
  }

  /** Whether to answer now. */
  takeAnswer(now: number): boolean {
    if (this.#answerAt === undefined || now < this.#answerAt) return false;
    this.#answerAt = undefined;
    this.#answeredAt = now;
    return true;
  }

  #rest(): void {
    if ([...this.#others].every((key) => this.#heard.has(key))) this.#askAt = undefined;
  }
}

// In ms.

/** How long those who are new to one another have to say who they are; doubles. */
const PATIENCE = 3000;
const AFTER_RETURN = 500;

/** Some may be of a version that does not answer. */
const MAX_QUESTIONS = 4;

/** Many may ask at once, and anybody as often as it likes. */
const BETWEEN_ANSWERS = 2000;
