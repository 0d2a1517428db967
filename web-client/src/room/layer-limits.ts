import type { LayerLimit } from '../signaling/protocol/LayerLimit';

/** The highest layers wanted of somebody's camera, each counted from 0; an absent one is no limit. */
export interface Layers {
  /** By size: 0 is a quarter of the full one each way, 1 a half, 2 the full one. */
  readonly spatial?: number | undefined;
  /** By pictures a second. */
  readonly temporal?: number | undefined;
}

/** Which layers are wanted of whom, kept up as people change slots. */
export class LayerLimits {
  readonly #wanted = new Map<string, Layers>();
  /** By slot, what the server was told last, as JSON. */
  readonly #told = new Map<number, string>();

  /** Throws a `RangeError` for what is no layer's number. */
  set(participantId: string, layers: Layers): void {
    for (const layer of [layers.spatial, layers.temporal]) {
      if (layer !== undefined && !(Number.isInteger(layer) && layer >= 0 && layer <= 255)) {
        throw new RangeError(`${layer} is no layer`);
      }
    }
    this.#wanted.set(participantId, layers);
  }

  forget(participantId: string): void {
    this.#wanted.delete(participantId);
  }

  /** What the server must be told, now that these are in these slots. */
  news(occupants: ReadonlyMap<number, string>): LayerLimit[] {
    const limits: LayerLimit[] = [];
    for (const [slot, occupant] of occupants) {
      const { spatial, temporal } = this.#wanted.get(occupant) ?? {};
      const limit: LayerLimit = {
        slot,
        ...(spatial !== undefined && { spatial }),
        ...(temporal !== undefined && { temporal }),
      };
      const text = JSON.stringify(limit);
      if ((this.#told.get(slot) ?? JSON.stringify({ slot })) === text) continue;
      this.#told.set(slot, text);
      limits.push(limit);
    }
    return limits;
  }
}
