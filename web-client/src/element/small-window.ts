import { Emitter } from '../events';
import type { Track } from '../room/track';

interface SmallWindowEvents {
  /** {@link SmallWindow.isOpen} is another one. */
  changed: [];
}

/** One person's picture in the browser's small window, above all other programs. */
export class SmallWindow extends Emitter<SmallWindowEvents> {
  /** To be in the page, where nobody sees it. */
  readonly video = document.createElement('video');
  #wanted: Track | undefined;
  #shown: Track | undefined;
  #isOpen = false;
  /** How often it was closed. */
  #closings = 0;

  constructor() {
    super();
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.className = 'small-window-picture';
    this.video.ariaHidden = 'true';
    this.video.tabIndex = -1;
    this.video.addEventListener('leavepictureinpicture', () => {
      this.#setOpen(false);
    });
  }

  /** Older versions of Firefox have a button of their own on pictures, and nothing for pages. */
  static get isSupported(): boolean {
    return (document as Partial<Document>).pictureInPictureEnabled === true;
  }

  /** Whether there is a picture to open it with: a browser opens none without. */
  get hasPicture(): boolean {
    return this.#wanted !== undefined;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whose picture it is from now on; nobody's is blank. */
  follow(track: Track | undefined): void {
    this.#wanted = track;
    if (this.#isOpen) this.#show(track);
  }

  /** Opens or closes it; to be called while a press is handled. Rejects where the browser refuses. */
  async toggle(): Promise<void> {
    if (this.#isOpen) {
      await document.exitPictureInPicture();
      return;
    }
    if (!this.hasPicture) return;
    const before = this.#closings;
    this.#show(this.#wanted);
    try {
      await this.video.play();
      await this.video.requestPictureInPicture();
    } catch (reason) {
      this.#show(undefined);
      throw reason;
    }
    if (this.#closings === before) {
      this.#setOpen(true);
    } else {
      this.#show(undefined);
      await document.exitPictureInPicture();
    }
  }

  /** Idempotent. */
  close(): void {
    this.#closings += 1;
    this.#wanted = undefined;
    if (this.#isOpen) void document.exitPictureInPicture().catch(() => undefined);
    this.#setOpen(false);
  }

  #show(track: Track | undefined): void {
    if (track === this.#shown) return;
    this.#shown?.detach(this.video);
    this.#shown = track;
    if (track === undefined) return;
    track.attach(this.video);
    if (this.#isOpen) void this.video.play().catch(() => undefined);
  }

  #setOpen(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    if (!isOpen) this.#show(undefined);
    this.emit('changed');
  }
}
