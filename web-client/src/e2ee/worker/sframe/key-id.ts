/** The key ids of SFrame under MLS (RFC 9605 §5.2). */

/** What a frame is of: its sender's microphone, camera, screen, or the screen's sound. */
export type Context = 0 | 1 | 2 | 3;

/** The contexts by name. */
export const CONTEXTS = {
  microphone: 0,
  camera: 1,
  screen: 2,
  'screen-audio': 3,
} as const satisfies Record<string, Context>;

/** What a key id says. */
export interface KeyIdParts {
  readonly context: Context;
  /** The sender's leaf in the group's tree, 0 to `MAX_LEAVES` - 1. */
  readonly leaf: number;
  /** The group's epoch modulo `EPOCH_MODULUS`. */
  readonly epoch: number;
}

/**
 * How many bits tell epochs apart. Constant, so that no member needs to know
 * more of a key id than its bytes.
 */
const EPOCH_BITS = 8;
const LEAF_BITS = 8;
const CONTEXT_BITS = 2;

/** Epochs that many apart share key ids; they are never alive together. */
export const EPOCH_MODULUS = 1 << EPOCH_BITS;

/** A group's tree may have this many leaves. */
export const MAX_LEAVES = 1 << LEAF_BITS;

/** Packs a key id: the context on top, then the leaf, then the epoch. */
export function keyId({ context, leaf, epoch }: KeyIdParts): number {
  return (((context << LEAF_BITS) | leaf) << EPOCH_BITS) | epoch;
}

/** Unpacks a key id; `undefined` if it has bits that ours never have. */
export function keyIdParts(id: bigint): KeyIdParts | undefined {
  if (id >= 1n << BigInt(CONTEXT_BITS + LEAF_BITS + EPOCH_BITS)) return undefined;
  const bits = Number(id);
  return {
    context: (bits >> (LEAF_BITS + EPOCH_BITS)) as Context,
    leaf: (bits >> EPOCH_BITS) & (MAX_LEAVES - 1),
    epoch: bits & (EPOCH_MODULUS - 1),
  };
}
