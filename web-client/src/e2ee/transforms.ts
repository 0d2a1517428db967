import { QuietroomError } from '../error';
import { Emitter } from '../events';
import type {
  FrameCount,
  TransformEnd,
  TransformOptions,
  WorkerReport,
  WorkerRequest,
} from './messages';

/** Which interface for encoded frames a browser has. */
export type TransformInterface = 'script-transform' | 'encoded-streams';

/** The part of `Worker` that is used. */
export type TransformWorker = Pick<
  Worker,
  'postMessage' | 'terminate' | 'addEventListener' | 'removeEventListener'
>;

interface TransformsEvents {
  /** The worker, or one of its transforms, died: what was sent through it is lost from now on. */
  failed: [error: QuietroomError];
  /** Frames that came in at a slot are dropped. */
  undecryptable: [report: Extract<WorkerReport, { type: 'undecryptable' }>];
  /** Frames of a sender's are dropped. */
  unsent: [report: Extract<WorkerReport, { type: 'unsent' }>];
}

/**
 * Puts the encryption worker between the encoder and the network.
 *
 * Measured in Chromium 156 (`tests/transforms/`): a peer connection made with
 * `encodedInsertableStreams: true` passes no frame of a sender or receiver
 * that has no transform, and it works with `RTCRtpScriptTransform`. Without
 * that flag, frames of a sender without a transform flow in the clear.
 */
export class Transforms extends Emitter<TransformsEvents> {
  readonly #worker: TransformWorker;
  readonly #interface: TransformInterface;
  readonly #waiting = new Map<number, PromiseWithResolvers>();
  readonly #ready: PromiseWithResolvers;
  #nextId = 1;
  #error: QuietroomError | undefined;

  /** `isReady`: the worker has loaded already. */
  constructor(worker: TransformWorker, transformInterface: TransformInterface, isReady = false) {
    super();
    this.#worker = worker;
    this.#interface = transformInterface;
    this.#ready = promiseWithResolvers();
    if (isReady) this.#ready.resolve();
    this.#worker.addEventListener('message', this.#handleMessage);
    this.#worker.addEventListener('error', this.#handleError);
    this.#worker.addEventListener('messageerror', this.#handleError);
  }

  /** Resolves when the worker can take transforms; rejects with `encryption-failed`. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Sends all frames of `end` through the worker, from the very first on if
   * called in the same task as the `addTransceiver` that made it.
   *
   * Resolves when the worker has taken the transform over, which is the
   * earliest moment to attach a track; rejects with `encryption-failed`.
   */
  install(
    end: (RTCRtpSender | RTCRtpReceiver) & EncodedStreamsEnd,
    use: TransformEnd,
  ): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const options: TransformOptions = { ...use, id: this.#nextId++ };
    const installed = promiseWithResolvers();
    this.#waiting.set(options.id, installed);
    switch (this.#interface) {
      case 'script-transform':
        end.transform = new RTCRtpScriptTransform(this.#worker as Worker, options);
        break;
      case 'encoded-streams': {
        const streams = end.createEncodedStreams?.();
        if (streams === undefined) throw new QuietroomError('unsupported-browser');
        const { readable, writable } = streams;
        this.#request({ type: 'encoded-streams', options, readable, writable }, [
          readable,
          writable,
        ]);
        break;
      }
    }
    return installed.promise;
  }

  /** How many frames each living transform took and passed, for diagnosis. */
  countFrames(): Promise<readonly FrameCount[]> {
    return new Promise((resolve) => {
      const handle = (event: MessageEvent<WorkerReport>): void => {
        if (event.data.type !== 'frame-counts') return;
        this.#worker.removeEventListener('message', handle);
        resolve(event.data.counts);
      };
      this.#worker.addEventListener('message', handle);
      this.#request({ type: 'count-frames' });
    });
  }

  /** Ends the worker. Frames of ends that still live are dropped. */
  close(): void {
    this.#error ??= new QuietroomError('encryption-failed', 'closed');
    this.#rejectAll(this.#error);
    this.#worker.terminate();
  }

  readonly #handleMessage = (event: MessageEvent<WorkerReport>): void => {
    const report = event.data;
    switch (report.type) {
      case 'ready':
        this.#ready.resolve();
        break;
      case 'transform-ready':
        this.#waiting.get(report.id)?.resolve();
        this.#waiting.delete(report.id);
        break;
      case 'transform-failed':
        this.#fail(report.reason);
        break;
      case 'undecryptable':
        this.emit('undecryptable', report);
        break;
      case 'unsent':
        this.emit('unsent', report);
        break;
      case 'sender':
      case 'frame-counts':
      case 'time':
      case 'identity':
      case 'join-proof':
      case 'key-package':
      case 'entrance':
      case 'group-send':
      case 'epoch':
      case 'group-lost':
      case 'told':
      case 'caller':
      case 'note':
      case 'group-refused':
      case 'group-failed':
        break;
    }
  };

  readonly #handleError = (event: Event): void => {
    this.#fail((event as Partial<ErrorEvent>).message ?? event.type);
  };

  #fail(detail: string): void {
    if (this.#error !== undefined) return;
    this.#error = new QuietroomError('encryption-failed', detail);
    this.#rejectAll(this.#error);
    this.emit('failed', this.#error);
  }

  #rejectAll(error: QuietroomError): void {
    this.#ready.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  #request(request: WorkerRequest, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }
}

/** Chromium's older interface, which is not in TypeScript's library. */
interface EncodedStreamsEnd {
  createEncodedStreams?(): { readable: ReadableStream; writable: WritableStream };
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

function promiseWithResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // A failure is also emitted; a promise that nobody waits for is no fault of the embedder.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
