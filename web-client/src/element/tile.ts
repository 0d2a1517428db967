import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Track } from '../room/track';
import type { Messages } from './i18n';
import * as icons from './icons';

/**
 * One person: the picture, or a figure while there is none.
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
  declare hasPicture: boolean;
  #rendered: Track | undefined;
  #cancelWait: (() => void) | undefined;

  constructor() {
    super();
    this.label = '';
    this.camera = false;
    this.microphone = false;
    this.mirrored = false;
    this.handRaised = false;
    this.blanked = false;
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
  }

  protected override updated(): void {
    this.#renderTrack();
  }

  protected override render(): TemplateResult {
    const { label, messages } = this;
    return html`
      <figure role="group" aria-label=${messages.tile(label, this.microphone, this.camera)}>
        <video playsinline muted .muted=${true} ?data-mirrored=${this.mirrored}></video>
        <div class="cover">${icons.figure}</div>
        <figcaption>
          ${
            this.microphone
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
          <span class="name">${label}</span>
          ${this.blanked ? html`<span class="blanked">${messages.hidden}</span>` : null}
        </figcaption>
      </figure>
    `;
  }

  get #wantedTrack(): Track | undefined {
    return this.camera ? this.track : undefined;
  }

  get #video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video');
  }

  #renderTrack(): void {
    const video = this.#video;
    const track = this.#wantedTrack;
    if (video === null || track === undefined || track === this.#rendered) return;
    this.#rendered = track;
    track.attach(video);
    this.#cancelWait = afterFirstFrame(video, () => {
      this.hasPicture = true;
    });
    // A refusal leaves the figure in place; muted pictures are refused by no browser we know.
    video.play().catch(() => undefined);
  }

  #stopRendering(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    const video = this.#video;
    if (video !== null) this.#rendered?.detach(video);
    this.#rendered = undefined;
    this.hasPicture = false;
  }

  static override readonly styles = css`
    :host {
      display: block;
      min-width: 0;
      min-height: 0;
    }
    figure {
      position: relative;
      width: 100%;
      height: 100%;
      margin: 0;
      overflow: hidden;
      border-radius: 14px;
      background: var(--quiet-room-tile, #24363a);
    }
    video {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: cover;
    }
    video[data-mirrored] {
      transform: scaleX(-1);
    }
    .cover {
      position: absolute;
      inset: 0;
      display: grid;
      place-items: center;
      background: inherit;
      color: #9db6b4;
    }
    .cover svg {
      width: min(38%, 9rem);
      max-height: 60%;
    }
    :host([has-picture]) .cover {
      visibility: hidden;
    }
    figcaption {
      position: absolute;
      inset-inline-start: 10px;
      bottom: 10px;
      display: flex;
      align-items: center;
      gap: 6px;
      max-width: calc(100% - 40px);
      padding: 4px 10px;
      border-radius: 999px;
      background: rgb(13 22 24 / 78%);
      color: #f3f7f6;
      font-size: 0.875rem;
      line-height: 1.4;
    }
    .name {
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .muted {
      display: grid;
      color: #ffb4a8;
    }
    .hand,
    .blanked {
      display: grid;
      color: #ffd27a;
    }
    .hand svg,
    .muted svg {
      width: 1.1rem;
      height: 1.1rem;
    }
  `;
}

/** Calls `listener` when `video` has shown a frame of what it was given; returns how to give up. */
function afterFirstFrame(video: HTMLVideoElement, listener: () => void): () => void {
  if ('requestVideoFrameCallback' in video) {
    const handle = video.requestVideoFrameCallback(listener);
    return () => {
      video.cancelVideoFrameCallback(handle);
    };
  }
  const element = video as HTMLVideoElement;
  element.addEventListener('playing', listener, { once: true });
  return () => {
    element.removeEventListener('playing', listener);
  };
}

customElements.define('quiet-room-tile', TileElement);
