/**
 * Who has said who it is, and when to ask or to answer. Whoever lost the group
 * for a while may have missed what the others said to newcomers in that time:
 * it asks, and all say it again to all, so that one question serves everybody
 * who would ask. Without a clock: times are handed in, in ms.
 */
export class Hearing {
  /** Everybody else in the group, and those who were heard, by key. */
  #others: ReadonlySet<string> = new Set();
  readonly #heard = new Set<string>();
  #askAt: number | undefined;
  /** What was missed is unknown: it is asked whoever has been heard. */
  #mustAsk = false;
  #questions = 0;
  #answerAt: number | undefined;
  #answeredAt = -Infinity;
  #spacing = FIRST_SPACING;

  /** When {@link Hearing.takeQuestion} or {@link Hearing.takeAnswer} is due. */
  get nextTimeout(): number | undefined {
    const times = [this.#askAt, this.#answerAt].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /**
   * `others` are in the group now, in which we have the leaf `ownLeaf`;
   * `hasReturned`: it went on without us for a while.
   */
  handleMembers(
    others: ReadonlySet<string>,
    ownLeaf: number,
    hasReturned: boolean,
    now: number,
  ): void {
    const isNews = [...others].some((key) => !this.#others.has(key));
    this.#others = others;
    for (const key of this.#heard) if (!others.has(key)) this.#heard.delete(key);
    if (hasReturned) this.#askAnew(now + AFTER_RETURN + ownLeaf * TURN);
    else if (isNews) this.#ask(now + PATIENCE + ownLeaf * TURN);
    this.#rest();
  }

  /**
   * This client joins again, in the group still: what was said meanwhile is
   * lost in both directions.
   */
  handleRejoin(now: number): void {
    this.#askAnew(now + AFTER_REJOIN);
    this.#answerAt = now + AFTER_REJOIN;
  }

  /** This client is in the group no more. */
  handleLoss(): void {
    this.#others = new Set();
    this.#askAt = undefined;
    this.#answerAt = undefined;
  }

  handleProfile(key: string): void {
    if (this.#others.has(key)) this.#heard.add(key);
    this.#rest();
  }

  /** Somebody asks. */
  handleQuestion(now: number): void {
    if (now - this.#answeredAt > FORGETTING) this.#spacing = FIRST_SPACING;
    this.#answerAt ??= Math.max(now, this.#answeredAt + this.#spacing);
    if (this.#askAt !== undefined) this.#askAt = Math.max(this.#askAt, now + PATIENCE);
  }

  /** Whether to ask now. */
  takeQuestion(now: number): boolean {
    if (this.#askAt === undefined || now < this.#askAt) return false;
    this.#mustAsk = false;
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
    this.#spacing = Math.min(2 * this.#spacing, LONGEST_SPACING);
    return true;
  }

  #askAnew(at: number): void {
    this.#heard.clear();
    this.#mustAsk = true;
    this.#ask(at);
  }

  #ask(at: number): void {
    this.#questions = 0;
    this.#askAt = Math.min(this.#askAt ?? Infinity, at);
  }

  #rest(): void {
    if (this.#mustAsk && this.#others.size > 0) return;
    if ([...this.#others].every((key) => this.#heard.has(key))) this.#askAt = undefined;
  }
}

// In ms.

/** How long those who are new to one another have to say who they are; doubles. */
const PATIENCE = 3000;
const AFTER_RETURN = 500;
const AFTER_REJOIN = 2000;

/** Between the questions of two leaves that follow one another. */
const TURN = 100;

/** Some may be of a version that does not answer. */
const MAX_QUESTIONS = 4;

/** Between answers; doubles before each. Many may ask at once, and anybody as often as it likes. */
const FIRST_SPACING = 1000;
const LONGEST_SPACING = 16_000;
const FORGETTING = 60_000;
