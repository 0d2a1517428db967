/** What the page and the worker that measures say to each other. */

/** What a run is made of. */
export interface CostRequest {
  /** In s. */
  readonly duration: number;
}

/** What came of it. */
export interface CostReport {
  readonly type: 'prepared' | 'done';
  readonly frames: number;
  /** From a frame's arrival until it was passed on, in ms, sorted. */
  readonly delays: readonly number[];
  /** Bytes added to a frame, at the most. */
  readonly overhead: number;
  /** What encrypting a frame of sound and of a picture takes one after the other, in ms. */
  readonly encryption: { readonly sound: number; readonly picture: number };
}
