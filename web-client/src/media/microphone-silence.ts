/**
 * Whether a microphone that is on seems not to be heard. A person may well
 * listen for long, so what was heard once is silent only if it gives nothing
 * at all, not even noise; and as some headsets and programs give just that
 * between words, and some people say nothing for long, each is held against it
 * once only.
 */
export class MicrophoneSilence {
  #wasHeard = false;
  #quietSince: number | undefined;
  #isSilent = false;
  /** It was silent after it had been heard. */
  #hasFallenSilent = false;
  /** It was silent from its beginning on. */
  #wasNeverHeard = false;

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Takes a peak of 0 to 1 and the time in ms; returns whether {@link isSilent} is another one. */
  update(level: number, now: number): boolean {
    const before = this.#isSilent;
    if (level >= AUDIBLE) {
      this.#wasHeard = true;
      this.#isSilent = false;
    }
    if (level > (this.#wasHeard ? NOTHING : AUDIBLE)) {
      this.#quietSince = undefined;
    } else {
      this.#quietSince ??= now;
      const patience = this.#wasHeard ? FALLEN_SILENT : NEVER_HEARD;
      if (now - this.#quietSince >= patience) this.#fallSilent();
    }
    return this.#isSilent !== before;
  }

  /** Another microphone. */
  reset(): void {
    this.pause();
    this.#wasHeard = false;
    this.#hasFallenSilent = false;
    this.#wasNeverHeard = false;
  }

  /** The same one is turned off or on again; what is known of it stays. */
  pause(): void {
    this.#quietSince = undefined;
    this.#isSilent = false;
  }

  #fallSilent(): void {
    if (this.#isSilent) return;
    if (this.#wasHeard ? this.#hasFallenSilent : this.#wasNeverHeard) return;
    if (this.#wasHeard) this.#hasFallenSilent = true;
    else this.#wasNeverHeard = true;
    this.#isSilent = true;
  }
}

/** A voice, even a soft one, is above this peak (about -38 dB). */
const AUDIBLE = 0.0125;
/** A switch or a broken wire gives less than any amplifier's noise. */
const NOTHING = 0.00002;
/** In ms. */
const NEVER_HEARD = 25_000;
const FALLEN_SILENT = 60_000;
