/** A listener of one event. */
export type Listener<Arguments extends readonly unknown[]> = (...values: Arguments) => void;

/** Typed events: `Events` maps each event's name to what its listeners are called with. */
export class Emitter<Events extends { [Name in keyof Events]: readonly unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` at each `name`, until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      this.off(name, listener);
    };
  }

  /** Calls `listener` at the next `name` only. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(name, (...values) => {
      stop();
      listener(...values);
    });
    return stop;
  }

  /** Calls `listener` no more at `name`. Nothing happens where it was not called. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.#listeners.get(name)?.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void {
    const listeners = this.#listeners.get(name) ?? [];
    for (const listener of [...listeners] as Listener<Events[Name]>[]) {
      try {
        listener(...values);
      } catch (reason) {
        // One embedder's faulty listener must not keep the others from hearing of it.
        reportError(reason);
      }
    }
  }
}
