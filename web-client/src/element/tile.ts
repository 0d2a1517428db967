import { html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { ConnectionQuality } from '../room/participant';
import type { Track } from '../room/track';
import type { Messages } from '../i18n/messages';
import * as icons from './icons';
import { tileStyles } from './styles/tile';

/**
 * One person or one shared screen: the picture, or a figure while there is none.
 *
 * A picture is uncovered only when a frame of the present track was shown,
 * since an element may keep the last frame of what it rendered before.
 */
export class TileElement extends LitElement {
  static override readonly properties = {
    label: {},
    track: { attribute: false },
    messages: { attribute: false },
    camera: { type: Boolean },
    microphone: { type: Boolean },
    mirrored: { type: Boolean },
    handRaised: { type: Boolean },
    blanked: { type: Boolean },
    pause: {},
    reconnecting: { type: Boolean },
    away: {},
    pinned: { attribute: false },
    quality: { attribute: false },
    speaking: { type: Boolean, reflect: true },
    compared: { type: Boolean },
    reaction: {},
    note: {},
    screen: { type: Boolean, reflect: true },
    hasPicture: { type: Boolean, attribute: 'has-picture', reflect: true },
  };

  declare label: string;
  declare track: Track | undefined;
  declare messages: Messages;
  declare camera: boolean;
  declare microphone: boolean;
  declare mirrored: boolean;
  declare handRaised: boolean;
  /** The picture was somebody else's and is not shown. */
  declare blanked: boolean;
  /** Why the picture does not come for now, in words or in none; absent while it may come. */
  declare pause: string | undefined;
  /** The person's connection to the server is gone, and the picture may stop at any time. */
  declare reconnecting: boolean;
  /** The same in words, once it has been so for a while. */
  declare away: string | undefined;
  /** Whether the person wants to see this one before others; absent where that is no question. */
  declare pinned: boolean | undefined;
  /** Of the person's connection. */
  declare quality: ConnectionQuality | undefined;
  declare speaking: boolean;
  /** The safety code was compared with this person. */
  declare compared: boolean;
  /** An emoji to show for now. */
  declare reaction: string | undefined;
  /** What is to be known of this person at all times. */
  declare note: string | undefined;
  /** It is a shared screen and not a person. */
  declare screen: boolean;
  declare hasPicture: boolean;
  #rendered: Track | undefined;
  #cancelWait: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  /** Ends the wait for a press by which a refused picture can be played. */
  #press = new AbortController();

  constructor() {
    super();
    this.label = '';
    this.camera = false;
    this.microphone = false;
    this.mirrored = false;
    this.handRaised = false;
    this.blanked = false;
    this.reconnecting = false;
    this.speaking = false;
    this.compared = false;
    this.screen = false;
    this.hasPicture = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#renderTrack();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stopRendering();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if ((changed.has('track') || changed.has('camera')) && this.#wantedTrack !== this.#rendered) {
      this.#stopRendering();
    }
    // A face that stands still looks like somebody who listens.
    if (changed.has('pause') && this.#isPaused && this.#rendered !== undefined) this.#cover();
  }

  protected override updated(changed: PropertyValues<this>): void {
    this.#renderTrack();
    if (changed.has('reconnecting') || changed.has('hasPicture')) this.#watchForFrames();
  }

  protected override render(): TemplateResult {
    const { label, messages } = this;
    return html`
      <figure aria-label=${this.#name}>
        <video playsinline muted .muted=${true} ?data-mirrored=${this.mirrored}></video>
        <div class="cover">
          ${this.screen ? icons.screen : icons.figure}
          ${this.#pauseWords === '' ? null : html`<p class="paused">${this.#pauseWords}</p>`}
        </div>
        ${this.away === undefined ? null : html`<p class="paused away">${this.away}</p>`}
        ${this.#renderPin()}
        ${
          this.reaction === undefined
            ? null
            : html`<span class="reaction" aria-hidden="true">${this.reaction}</span>`
        }
        <figcaption>
          ${
            this.microphone || this.screen || this.note !== undefined
              ? null
              : html`<span class="muted" title=${messages.microphoneOff}
                  >${icons.microphoneOff}</span
                >`
          }
          ${
            this.handRaised
              ? html`<span class="hand" role="img" aria-label=${messages.handRaised}
                  >${icons.hand}</span
                >`
              : null
          }
          <span class="name" dir="auto">${label}</span>
          ${this.#renderQuality()}
          ${this.note === undefined ? null : html`<span class="note">${this.note}</span>`}
          ${
            this.compared
              ? html`<span class="compared" role="img" aria-label=${messages.compared}
                  >${icons.check}</span
                >`
              : null
          }
          ${this.blanked ? html`<span class="blanked">${messages.hidden}</span>` : null}
        </figcaption>
      </figure>
    `;
  }

  #renderPin(): TemplateResult | null {
    if (this.pinned === undefined) return null;
    return html`<button
      class="pin"
      aria-pressed=${this.pinned ? 'true' : 'false'}
      aria-label=${this.messages.pin(this.label)}
      title=${this.messages.pin(this.label)}
      @click=${this.#handlePin}
    >
      ${icons.pin}
    </button>`;
  }

  readonly #handlePin = (): void => {
    this.dispatchEvent(new CustomEvent('pin-toggle'));
  };

  /** A good connection is nothing to look at. */
  #renderQuality(): TemplateResult | null {
    const { level = 'good', cause } = this.quality ?? {};
    if (level === 'good' || this.screen) return null;
    const words = this.messages.quality(level, cause);
    return html`<span
      class="quality"
      data-level=${level}
      role="img"
      aria-label=${words}
      title=${words}
      >${level === 'weak' ? icons.signalWeak : icons.signalPoor}</span
    >`;
  }

  get #name(): string {
    const { label, messages } = this;
    const name = this.screen ? label : messages.tile(label, this.microphone, this.camera);
    const words = this.away ?? this.#pauseWords;
    return words === '' ? name : `${name}, ${words}`;
  }

  /** What is said of a pause in the picture's place, if anything. */
  get #pauseWords(): string {
    return this.#isPaused && this.away === undefined ? (this.pause ?? '') : '';
  }

  /** Without a camera there is nothing to wait for. */
  get #isPaused(): boolean {
    return this.pause !== undefined && this.camera;
  }

  get #wantedTrack(): Track | undefined {
    return this.camera ? this.track : undefined;
  }

  get #video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video');
  }

  #renderTrack(): void {
    // Lit updates what was taken out too; a picture that plays there is never collected.
    if (!this.isConnected) return;
    const video = this.#video;
    const track = this.#wantedTrack;
    if (video === null || track === undefined || track === this.#rendered) return;
    this.#rendered = track;
    track.attach(video);
    this.#cover();
    this.#play(video);
  }

  /** Some browsers can be told to play nothing before a press, not even what makes no sound. */
  #play(video: HTMLVideoElement): void {
    video.play().catch((reason: unknown) => {
      // Any other failure comes from a track that was taken away meanwhile.
      const isRefused = reason instanceof DOMException && reason.name === 'NotAllowedError';
      if (isRefused && this.#rendered !== undefined) this.#playAtPress(video);
    });
  }

  #playAtPress(video: HTMLVideoElement): void {
    // The first frame may be there, and stand still.
    this.#cancelWait?.();
    this.hasPicture = false;
    this.#press.abort();
    this.#press = new AbortController();
    const { signal } = this.#press;
    const play = (): void => {
      this.#press.abort();
      this.#cover();
      this.#play(video);
    };
    for (const press of PRESSES) addEventListener(press, play, { capture: true, signal });
  }

  /** Hides what the video shows until its next frame. */
  #cover(): void {
    const video = this.#video;
    this.#cancelWait?.();
    this.hasPicture = false;
    if (video === null) return;
    this.#cancelWait = afterFirstFrame(video, () => {
      // The last frames of before may come after the word of the pause.
      if (this.#isPaused) this.#cover();
      else this.hasPicture = true;
    });
  }

  /** While the connection is gone, media may still come: only what stands still is hidden. */
  #watchForFrames(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    const video = this.#video;
    // Without a word of each frame, a picture that moves cannot be told from one that does not.
    if (!this.reconnecting || !this.hasPicture || video === null || !tellsFrames(video)) return;
    const timer = setTimeout(() => {
      this.#cover();
    }, STILL_FOR);
    const cancel = afterFirstFrame(video, () => {
      this.#watchForFrames();
    });
    this.#cancelWatch = () => {
      clearTimeout(timer);
      cancel();
    };
  }

  #stopRendering(): void {
    this.#press.abort();
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    const video = this.#video;
    if (video !== null) this.#rendered?.detach(video);
    this.#rendered = undefined;
    this.hasPicture = false;
  }

  static override readonly styles = tileStyles;
}

/** After these, on whatever part of the page, browsers play what they refused. */
const PRESSES = ['click', 'keydown'] as const;

/** How long no frame comes before a picture stands still, in ms. */
const STILL_FOR = 3000;

function tellsFrames(video: HTMLVideoElement): boolean {
  return 'requestVideoFrameCallback' in video;
}

/** Calls `listener` when `video` has shown a frame of what it was given; returns how to give up. */
function afterFirstFrame(video: HTMLVideoElement, listener: () => void): () => void {
  if (tellsFrames(video)) {
    const handle = video.requestVideoFrameCallback(listener);
    return () => {
      video.cancelVideoFrameCallback(handle);
    };
  }
  video.addEventListener('playing', listener, { once: true });
  return () => {
    video.removeEventListener('playing', listener);
  };
}

customElements.define('quiet-room-tile', TileElement);
