import { frameCodecFraming } from './frame-codec';
import type { EncodedFrame, FrameHandler, KeyFrameControl, Pass } from './frame-pipe';
import { Notices } from './notices';
import { OpusPadding } from './opus-padding';
import type { Context } from './sframe/key-id';
import type { KeyRing } from './sframe/key-ring';

/** Why a frame of ours was not sent. */
export type UnsentReason =
  /** There is no key yet, or no more. */
  | 'no-key'
  /** It is of a codec that is never sent. */
  | 'codec'
  /** It is too short to be one of its codec's frames. */
  | 'malformed';

/** Encrypts what a sender's encoder gives, and drops what it cannot encrypt. */
export class Encryptor implements FrameHandler {
  readonly #keyRing: KeyRing;
  readonly #context: Context;
  readonly #notices: Notices<UnsentReason>;
  readonly #keyFrames: KeyFrameControl;
  readonly #padding = new OpusPadding();
  /** A frame was dropped, so that those after it may lead nowhere. */
  #needsKeyFrame = false;

  constructor(
    keyRing: KeyRing,
    context: Context,
    keyFrames: KeyFrameControl,
    onUnsent: (reason: UnsentReason) => void,
  ) {
    this.#keyRing = keyRing;
    this.#context = context;
    this.#keyFrames = keyFrames;
    this.#notices = new Notices(onUnsent);
  }

  async handle(frame: EncodedFrame, pass: Pass): Promise<void> {
    const data = new Uint8Array(frame.data);
    // Firefox gives such for audio; there is nothing in them to send.
    if (data.length === 0) return;
    const framing = frameCodecFraming(frame);
    if (framing === undefined) {
      this.#drop('codec');
      return;
    }
    const plain = framing.isOpus === true ? this.#padding.pad(data) : data;
    const parts = framing.split(plain);
    if (parts === undefined) {
      this.#drop('malformed');
      return;
    }
    const sealed = await this.#keyRing.seal(this.#context, parts.prefix, parts.rest);
    if (sealed === undefined) {
      this.#drop('no-key');
      return;
    }
    const isKeyFrame = 'type' in frame && frame.type === 'key';
    frame.data = framing.wrap(sealed, isKeyFrame).buffer;
    pass(frame);
    if (isKeyFrame) this.#needsKeyFrame = false;
    else if (this.#needsKeyFrame && 'type' in frame) this.#generateKeyFrame();
  }

  end(): void {
    this.#notices.end();
  }

  #drop(reason: UnsentReason): void {
    this.#needsKeyFrame = true;
    this.#notices.give(reason);
  }

  #generateKeyFrame(): void {
    this.#needsKeyFrame = false;
    // Where the browser has or does none, a receiver asks before long.
    this.#keyFrames.generateKeyFrame?.().catch(() => undefined);
  }
}
