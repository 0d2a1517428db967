import { Emitter } from '../events';
import type { RemoteParticipant } from '../room/participant';

interface ReconnectionsEvents {
  /** Others are away than before: these are, and those are back. */
  changed: [away: readonly RemoteParticipant[], back: readonly RemoteParticipant[]];
}

/**
 * Whose connection is gone and has been so for a while, which may come back:
 * what passes in a moment is not told. Several are told of at once.
 */
export class Reconnections extends Emitter<ReconnectionsEvents> {
  /** Since when each one's connection is gone, by id. */
  readonly #since = new Map<string, number>();
  readonly #told = new Set<string>();
  #participants: readonly RemoteParticipant[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Whether to show that this one's connection is gone. */
  isAway({ id, isReconnecting }: RemoteParticipant): boolean {
    return isReconnecting && this.#told.has(id);
  }

  update(participants: readonly RemoteParticipant[]): void {
    this.#participants = participants;
    const ids = new Set(participants.map(({ id }) => id));
    for (const id of [...this.#since.keys(), ...this.#told]) {
      if (ids.has(id)) continue;
      this.#since.delete(id);
      this.#told.delete(id);
    }
    for (const { id, isReconnecting } of participants) {
      if (!isReconnecting) this.#since.delete(id);
      else if (!this.#since.has(id)) this.#since.set(id, Date.now());
    }
    this.#wait();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since.clear();
    this.#told.clear();
    this.#participants = [];
  }

  /** Looks again for as long as somebody is yet to be told of. */
  #wait(): void {
    const isPending = this.#participants.some(
      ({ id, isReconnecting }) => isReconnecting !== this.#told.has(id),
    );
    if (isPending) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#look();
      }, LOOK_EVERY);
    } else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  #look(): void {
    const now = Date.now();
    const away = this.#participants.filter(({ id }) => {
      const since = this.#since.get(id);
      return since !== undefined && !this.#told.has(id) && now - since >= AWAY_FOR;
    });
    const back = this.#participants.filter(
      ({ id, isReconnecting }) => !isReconnecting && this.#told.has(id),
    );
    for (const { id } of away) this.#told.add(id);
    for (const { id } of back) this.#told.delete(id);
    if (away.length + back.length > 0) this.emit('changed', away, back);
    this.#wait();
  }
}

/** In ms. */
const AWAY_FOR = 3000;
const LOOK_EVERY = 500;
