import type { TransformOptions } from '../messages';

/** An encoded frame of either kind. */
export type EncodedFrame = RTCEncodedAudioFrame | RTCEncodedVideoFrame;

/** The way of one sender's or receiver's encoded frames through the worker. */
export class FramePipe {
  readonly options: TransformOptions;
  #frames = 0;

  constructor(options: TransformOptions) {
    this.options = options;
  }

  /** Frames passed so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Resolves when the sender or receiver ends; rejects when a frame could not be passed. */
  run(
    readable: ReadableStream<EncodedFrame>,
    writable: WritableStream<EncodedFrame>,
  ): Promise<void> {
    const transform = new TransformStream<EncodedFrame, EncodedFrame>({
      transform: (frame, controller) => {
        this.#frames += 1;
        controller.enqueue(frame);
      },
    });
    return readable.pipeThrough(transform).pipeTo(writable);
  }
}
