/** What the page and the encryption worker say to each other. */

/** Which way a transform's frames go. */
export type TransformDirection = 'send' | 'receive';

/** Given to each transform when it is made. */
export interface TransformOptions {
  /** Unique within one worker. */
  readonly id: number;
  readonly direction: TransformDirection;
  readonly kind: 'audio' | 'video';
}

/** From the page to the worker. */
export type WorkerRequest =
  | {
      /** Only where `RTCRtpScriptTransform` is missing: the streams of `createEncodedStreams()`. */
      readonly type: 'encoded-streams';
      readonly options: TransformOptions;
      readonly readable: ReadableStream;
      readonly writable: WritableStream;
    }
  | {
      /** Asks for a `frame-counts`. */
      readonly type: 'count-frames';
    };

/** From the worker to the page. */
export type WorkerReport =
  | {
      /** The worker has loaded and can take transforms. */
      readonly type: 'ready';
    }
  | {
      /** Frames of this transform now go through the worker. */
      readonly type: 'transform-ready';
      readonly id: number;
    }
  | {
      /** A transform ended by an error; its frames are dropped from now on. */
      readonly type: 'transform-failed';
      readonly id: number;
      readonly reason: string;
    }
  | {
      readonly type: 'frame-counts';
      readonly counts: readonly FrameCount[];
    };

/** How many encoded frames a transform has passed. */
export interface FrameCount extends TransformOptions {
  readonly frames: number;
}
