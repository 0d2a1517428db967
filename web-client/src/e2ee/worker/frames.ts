import type { TransformOptions, WorkerReport } from '../messages';
import { Decryptor } from './decryptor';
import { Encryptor } from './encryptor';
import {
  FramePipe,
  type EncodedFrame,
  type FrameHandler,
  type KeyFrameControl,
} from './frame-pipe';
import type { Occupancy } from './occupancy';
import { CONTEXTS } from './sframe/key-id';
import type { KeyRing } from './sframe/key-ring';

/** All senders and receivers of a worker, encrypted and decrypted with one key ring. */
export class Frames {
  readonly #keyRing: KeyRing;
  readonly #occupancy: Pick<Occupancy, 'admits'>;
  readonly #report: (report: WorkerReport) => void;
  readonly #pipes = new Map<number, FramePipe>();

  constructor(
    keyRing: KeyRing,
    occupancy: Pick<Occupancy, 'admits'>,
    report: (report: WorkerReport) => void,
  ) {
    this.#keyRing = keyRing;
    this.#occupancy = occupancy;
    this.#report = report;
  }

  /** Takes a sender's or receiver's frames over, until it ends. */
  start(
    options: TransformOptions,
    readable: ReadableStream,
    writable: WritableStream,
    keyFrames: KeyFrameControl = {},
  ): void {
    const pipe = new FramePipe(options, this.#handler(options, keyFrames));
    this.#pipes.set(options.id, pipe);
    pipe
      .run(readable as ReadableStream<EncodedFrame>, writable as WritableStream<EncodedFrame>)
      .then(
        () => {
          this.#pipes.delete(options.id);
        },
        (reason: unknown) => {
          this.#pipes.delete(options.id);
          this.#report({ type: 'transform-failed', id: options.id, reason: String(reason) });
        },
      );
    this.#report({ type: 'transform-ready', id: options.id });
  }

  /** Reports how many frames each living transform took and passed. */
  reportCounts(): void {
    this.#report({
      type: 'frame-counts',
      counts: [...this.#pipes.values()].map(({ options, taken, passed, waited }) => ({
        options,
        taken,
        passed,
        waited,
      })),
    });
  }

  #handler(options: TransformOptions, keyFrames: KeyFrameControl): FrameHandler {
    if (options.direction === 'send') {
      const { id, source } = options;
      return new Encryptor(this.#keyRing, CONTEXTS[source], keyFrames, (reason) => {
        this.#report({ type: 'unsent', id, reason });
      });
    }
    const { slot, kind } = options;
    return new Decryptor(this.#keyRing, `${kind} ${slot}`, kind, keyFrames, {
      admits: (sender) => this.#occupancy.admits(slot, kind, sender),
      onSender: (sender) => {
        this.#report({ type: 'sender', slot, kind, ...sender });
      },
      onUndecryptable: (reason) => {
        this.#report({ type: 'undecryptable', slot, kind, reason });
      },
    });
  }
}
