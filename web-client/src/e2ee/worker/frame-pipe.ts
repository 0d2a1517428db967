import type { TransformOptions } from '../messages';

/** An encoded frame of either kind. */
export type EncodedFrame = RTCEncodedAudioFrame | RTCEncodedVideoFrame;

/** Lets a frame go on its way. */
export type Pass = (frame: EncodedFrame) => void;

/** What is done to the frames of one sender or receiver. */
export interface FrameHandler {
  /** Passes the frame on, now or later, or drops it by not doing so. */
  handle(frame: EncodedFrame, pass: Pass): Promise<void>;
  /** How many frames waited for their keys. */
  readonly waited?: number;
  /** No more frames come, and none is passed from now on. */
  end(): void;
}

/** A transformer's means to get key frames, as far as the browser has them. */
export interface KeyFrameControl {
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

/** The way of one sender's or receiver's encoded frames through the worker. */
export class FramePipe {
  readonly options: TransformOptions;
  readonly #handler: FrameHandler;
  #taken = 0;
  #passed = 0;

  constructor(options: TransformOptions, handler: FrameHandler) {
    this.options = options;
    this.#handler = handler;
  }

  /** Frames taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Frames passed on so far. */
  get passed(): number {
    return this.#passed;
  }

  /** Frames that waited for their keys so far. */
  get waited(): number {
    return this.#handler.waited ?? 0;
  }

  /** Resolves when the sender or receiver ends; rejects when its stream breaks. */
  async run(
    readable: ReadableStream<EncodedFrame>,
    writable: WritableStream<EncodedFrame>,
  ): Promise<void> {
    let hasEnded = false;
    const transform = new TransformStream<EncodedFrame, EncodedFrame>({
      transform: (frame, controller) => {
        this.#taken += 1;
        return this.#handler.handle(frame, (done) => {
          if (hasEnded) return;
          this.#passed += 1;
          controller.enqueue(done);
        });
      },
      flush: () => {
        hasEnded = true;
      },
    });
    try {
      await readable.pipeThrough(transform).pipeTo(writable);
    } finally {
      hasEnded = true;
      this.#handler.end();
    }
  }
}
