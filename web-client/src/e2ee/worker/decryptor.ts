import { frameCodecFraming } from './frame-codec';
import type { EncodedFrame, FrameHandler, KeyFrameControl, Pass } from './frame-pipe';
import { NOTICE_INTERVAL, Notices } from './notices';
import { CONTEXTS, type Context } from './sframe/key-id';
import type { KeyRing, Refusal } from './sframe/key-ring';

/** Who a slot's frames are from, by the key that decrypted them. */
export interface FrameSender {
  readonly epoch: bigint;
  readonly leaf: number;
  /** Absent for a leaf that was blank. */
  readonly participantId: string | undefined;
  readonly context: Context;
}

/** Why a frame that came in was not shown. */
export type UndecryptableReason =
  | Refusal
  /** It is of a codec that is never received. */
  | 'codec'
  /** It is not of the one who is in the slot, or not of what belongs there. */
  | 'foreign';

/** What a decryptor asks and tells. */
export interface DecryptorEvents {
  /** Whether frames of this sender belong here; those of others are dropped. */
  admits(sender: FrameSender): boolean;
  /** Frames now are from someone else, or of another epoch; called before the first is passed. */
  onSender(sender: FrameSender): void;
  /** A frame was dropped; not called for duplicates, and of each reason once a second. */
  onUndecryptable(reason: UndecryptableReason): void;
}

/**
 * Decrypts what comes in at a receiver, and drops what it cannot decrypt.
 *
 * Frames of a coming epoch wait for its keys, `MAX_WAIT` at the most. Only
 * when a frame was lost is a key frame asked for, and only when decrypting
 * works again.
 */
export class Decryptor implements FrameHandler {
  readonly #keyRing: KeyRing;
  readonly #slot: string;
  readonly #kind: 'audio' | 'video';
  readonly #keyFrames: KeyFrameControl;
  readonly #events: DecryptorEvents;
  readonly #notices: Notices<UndecryptableReason>;
  readonly #stopListening: () => void;
  #waiting: { readonly frame: EncodedFrame; readonly pass: Pass; readonly until: number }[] = [];
  #waited = 0;
  #waitTimer: ReturnType<typeof setTimeout> | undefined;
  /** Frames are handled one at a time, or they would overtake each other. */
  #turn = Promise.resolve();
  #sender: FrameSender | undefined;
  #needsKeyFrame = false;
  #askedForKeyFrame = -Infinity;

  constructor(
    keyRing: KeyRing,
    slot: string,
    kind: 'audio' | 'video',
    keyFrames: KeyFrameControl,
    events: DecryptorEvents,
  ) {
    this.#keyRing = keyRing;
    this.#slot = slot;
    this.#kind = kind;
    this.#keyFrames = keyFrames;
    this.#events = events;
    this.#notices = new Notices((reason) => {
      events.onUndecryptable(reason);
    });
    this.#stopListening = keyRing.onInstalled(() => {
      void this.#inTurn(() => this.#retry());
    });
  }

  handle(frame: EncodedFrame, pass: Pass): Promise<void> {
    return this.#inTurn(() => this.#take(frame, pass, performance.now() + MAX_WAIT));
  }

  get waited(): number {
    return this.#waited;
  }

  end(): void {
    this.#stopListening();
    this.#notices.end();
    clearTimeout(this.#waitTimer);
    this.#waiting = [];
  }

  #inTurn(step: () => Promise<void> | void): Promise<void> {
    this.#turn = this.#turn.then(step);
    return this.#turn;
  }

  async #take(frame: EncodedFrame, pass: Pass, until: number): Promise<void> {
    const data = new Uint8Array(frame.data);
    // Firefox gives such for audio.
    if (data.length === 0) return;
    const framing = frameCodecFraming(frame);
    const parts = framing?.unwrap(data);
    if (parts === undefined) {
      this.#drop(framing === undefined ? 'codec' : 'malformed');
      return;
    }
    const opened = await this.#keyRing.open(this.#slot, this.#accepts, parts.prefix, parts.rest);
    switch (opened.outcome) {
      case 'opened':
        this.#note(opened);
        if (!this.#events.admits(opened)) {
          this.#drop('foreign');
          break;
        }
        frame.data = joined(parts.prefix, opened.frame);
        pass(frame);
        this.#askForKeyFrame(frame);
        break;
      case 'coming':
        this.#waited += 1;
        this.#wait(frame, pass, until);
        break;
      case 'refused':
        this.#drop(opened.reason);
        break;
    }
  }

  readonly #accepts = (context: Context): boolean =>
    this.#kind === 'audio'
      ? context === CONTEXTS.microphone || context === CONTEXTS['screen-audio']
      : context === CONTEXTS.camera || context === CONTEXTS.screen;

  #note({ epoch, leaf, participantId, context }: FrameSender): void {
    const before = this.#sender;
    if (before?.epoch === epoch && before.leaf === leaf && before.context === context) return;
    this.#sender = { epoch, leaf, participantId, context };
    this.#events.onSender(this.#sender);
  }

  #wait(frame: EncodedFrame, pass: Pass, until: number): void {
    this.#waiting.push({ frame, pass, until });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#drop('no-key');
    }
    this.#setWaitTimer();
  }

  async #retry(): Promise<void> {
    for (const { frame, pass, until } of this.#waiting.splice(0)) {
      await this.#take(frame, pass, until);
    }
  }

  #giveUp(): void {
    const now = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].until <= now) {
      this.#waiting.shift();
      this.#drop('no-key');
    }
    this.#setWaitTimer();
  }

  #setWaitTimer(): void {
    clearTimeout(this.#waitTimer);
    const first = this.#waiting[0];
    if (first === undefined) return;
    this.#waitTimer = setTimeout(
      () => {
        void this.#inTurn(() => {
          this.#giveUp();
        });
      },
      Math.max(1, first.until - performance.now()),
    );
  }

  #drop(reason: UndecryptableReason): void {
    // A duplicate's first copy was shown, so nothing is lost.
    if (reason === 'replayed') return;
    this.#needsKeyFrame = true;
    this.#notices.give(reason);
  }

  #askForKeyFrame(frame: EncodedFrame): void {
    if (!('type' in frame)) return;
    if (frame.type === 'key') this.#needsKeyFrame = false;
    const now = performance.now();
    if (!this.#needsKeyFrame || now - this.#askedForKeyFrame < NOTICE_INTERVAL) return;
    this.#askedForKeyFrame = now;
    // Where the browser has or does none, its decoder asks before long.
    this.#keyFrames.sendKeyFrameRequest?.().catch(() => undefined);
  }
}

/** How long a frame of a coming epoch waits for its keys, in ms. */
export const MAX_WAIT = 1_000;

/** Frames that wait at a receiver: more than a second of any layer's. */
export const MAX_WAITING = 128;

function joined(prefix: Uint8Array, frame: Uint8Array<ArrayBuffer>): ArrayBuffer {
  if (prefix.length === 0) return frame.buffer;
  const whole = new Uint8Array(prefix.length + frame.length);
  whole.set(prefix);
  whole.set(frame, prefix.length);
  return whole.buffer;
}
