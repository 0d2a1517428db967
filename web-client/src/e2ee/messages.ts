import type { FrameSender, UndecryptableReason } from './worker/decryptor';
import type { UnsentReason } from './worker/encryptor';
import type { CONTEXTS } from './worker/sframe/key-id';

/** What the page and the encryption worker say to each other. */

/** What a sender sends; receivers learn it from the key that its frames need. */
export type FrameSource = keyof typeof CONTEXTS;

/** Whose frames a transform gets. */
export type TransformEnd =
  | {
      readonly direction: 'send';
      readonly source: FrameSource;
    }
  | {
      readonly direction: 'receive';
      readonly kind: 'audio' | 'video';
      /** The place it fills, which transforms that follow one another may share. */
      readonly slot: number;
    };

/** Given to each transform when it is made. */
export type TransformOptions = TransformEnd & {
  /** Unique within one worker. */
  readonly id: number;
};

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
  | ({
      /** A slot's frames now are from this member; comes before the first is shown. */
      readonly type: 'sender';
      readonly slot: number;
      readonly kind: 'audio' | 'video';
    } & FrameSender)
  | {
      /** Frames that came in at a slot are dropped; once a second for each reason. */
      readonly type: 'undecryptable';
      readonly slot: number;
      readonly kind: 'audio' | 'video';
      readonly reason: UndecryptableReason;
    }
  | {
      /** Frames of a sender's are dropped; once a second for each reason. */
      readonly type: 'unsent';
      readonly id: number;
      readonly reason: UnsentReason;
    }
  | {
      readonly type: 'frame-counts';
      readonly counts: readonly FrameCount[];
    };

/** How many encoded frames a transform took, and how many it passed on. */
export interface FrameCount {
  readonly options: TransformOptions;
  readonly taken: number;
  readonly passed: number;
}
