import { Emitter } from '../events';
import type { Track } from '../room/track';

interface AudioPlaybackEvents {
  /** {@link AudioPlayback.isBlocked} is another one. */
  blockedChanged: [isBlocked: boolean];
}

/**
 * Plays remote voices, each by an `<audio>` element of its own. Browsers may
 * refuse to play before the user touched the page, and stop what plays, as when
 * headphones are unplugged or a call comes in; then {@link isBlocked} is set
 * until {@link resume} was called from a press, or the browser goes on by itself.
 */
export class AudioPlayback extends Emitter<AudioPlaybackEvents> {
  readonly #container: Node;
  readonly #elements = new Map<Track, HTMLAudioElement>();
  #isBlocked = false;
  #speaker = '';

  /** The elements are put into `container`; they show nothing. */
  constructor(container: Node) {
    super();
    this.#container = container;
  }

  /** Whether the browser refused to play, until {@link AudioPlayback.resume}. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Plays a track of sound. */
  add(track: Track): void {
    if (this.#elements.has(track)) return;
    const element = document.createElement('audio');
    this.#elements.set(track, element);
    this.#container.appendChild(element);
    track.attach(element);
    element.addEventListener('pause', () => {
      // What is removed, or has no sound to come, is paused too.
      if (this.#elements.get(track) === element && !element.ended) this.#setBlocked(true);
    });
    element.addEventListener('playing', () => {
      this.#lookWhetherAllPlay();
    });
    void this.#useSpeaker(element);
    void this.#play(element);
  }

  /** Plays it no more. */
  remove(track: Track): void {
    const element = this.#elements.get(track);
    if (element === undefined) return;
    this.#elements.delete(track);
    track.detach(element);
    element.remove();
    this.#lookWhetherAllPlay();
  }

  /** Whether this browser lets a page choose among loudspeakers. */
  static get canChooseSpeaker(): boolean {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  /** Plays all by the loudspeaker `id`; by the computer's own choice where that is absent or gone. */
  setSpeaker(id: string | undefined): void {
    this.#speaker = id ?? '';
    for (const element of this.#elements.values()) void this.#useSpeaker(element);
  }

  /** Plays what was refused; to be called while a press of the user is handled. */
  async resume(): Promise<void> {
    this.#setBlocked(false);
    await Promise.all([...this.#elements.values()].map((element) => this.#play(element)));
  }

  /** Removes all voices. */
  clear(): void {
    for (const track of [...this.#elements.keys()]) this.remove(track);
  }

  async #useSpeaker(element: HTMLAudioElement): Promise<void> {
    if (!AudioPlayback.canChooseSpeaker) return;
    if ((element.sinkId || '') === this.#speaker) return;
    await element.setSinkId(this.#speaker).catch(() => undefined);
  }

  async #play(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
    } catch (reason) {
      // Any other failure comes from a track that was removed meanwhile.
      const isRefused = reason instanceof DOMException && reason.name === 'NotAllowedError';
      if (isRefused && element.isConnected) this.#setBlocked(true);
    }
  }

  #lookWhetherAllPlay(): void {
    if ([...this.#elements.values()].every(({ paused }) => !paused)) this.#setBlocked(false);
  }

  #setBlocked(isBlocked: boolean): void {
    if (this.#isBlocked === isBlocked) return;
    this.#isBlocked = isBlocked;
    this.emit('blockedChanged', isBlocked);
  }
}
