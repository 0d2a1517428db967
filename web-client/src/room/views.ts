import type { Place } from '../e2ee/messages';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { View } from '../signaling/protocol/View';
import type { TrackView } from './track';

/** A picture that can be received, and where; slots of each place count from 0. */
export interface Picture {
  readonly place: Place;
  readonly slot: number;
  readonly view: TrackView;
}

type Show = Extract<ClientMessage, { type: 'show' }>;

/**
 * Tells the server how pictures are shown: at once what is seen again or
 * larger, after a while what is smaller or hidden, and never in a flood.
 */
export class Views {
  readonly #pictures: () => readonly Picture[];
  readonly #send: (message: Show) => void;
  /** What the server was told last, by place and slot. */
  readonly #told = new Map<string, View>();
  #isOpen = false;
  #isHidden = false;
  #lastSent = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer ends. */
  #due = Infinity;

  constructor(pictures: () => readonly Picture[], send: (message: Show) => void) {
    this.#pictures = pictures;
    this.#send = send;
  }

  /** The server knows our slots from now on, and takes every picture in them for as large as can be. */
  open(): void {
    this.#isOpen = true;
    this.update();
  }

  /** The server knows nothing of us any more, or nobody listens. */
  close(): void {
    this.#isOpen = false;
    this.#told.clear();
    this.#cancel();
  }

  /** Whether nothing is wanted of any picture, however it is shown. */
  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.update();
  }

  /** Some picture is shown otherwise, or in another slot. */
  update(): void {
    if (!this.#isOpen) return;
    const news = this.#news();
    if (news.length === 0) {
      this.#cancel();
      return;
    }
    const now = Date.now();
    const isUrgent = news.some(({ before, view }) => !isLess(view, before));
    const due = isUrgent ? Math.max(now, this.#lastSent + SPACING) : now + SETTLING;
    if (due <= now) this.#tell();
    else if (due < this.#due) this.#plan(due, now);
  }

  #plan(due: number, now: number): void {
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#tell();
    }, due - now);
  }

  #tell(): void {
    this.#cancel();
    const news = this.#news();
    if (news.length === 0) return;
    this.#lastSent = Date.now();
    for (const { key, view } of news) this.#told.set(key, view);
    const of = (place: Place): View[] =>
      news.filter((one) => one.place === place).map(({ view }) => view);
    this.#send({ type: 'show', people: of('person'), screens: of('screen') });
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  #news(): { key: string; place: Place; view: View; before: View }[] {
    return this.#pictures().flatMap(({ place, slot, view }) => {
      const key = `${place} ${slot}`;
      const before = this.#told.get(key) ?? { slot };
      const wanted = inWords(slot, this.#isHidden ? { ...view, size: NOWHERE } : view);
      if (JSON.stringify(before) === JSON.stringify(wanted)) return [];
      return [{ key, place, view: wanted, before }];
    });
  }
}

function inWords(slot: number, { size, isPinned, spatial, temporal }: TrackView): View {
  return {
    slot,
    ...(size !== undefined && { width: rounded(size.width), height: rounded(size.height) }),
    ...(isPinned && { pinned: true }),
    ...(spatial !== undefined && { spatial }),
    ...(temporal !== undefined && { temporal }),
  };
}

/** Up, so that a window being resized is not worth a message a pixel. */
function rounded(length: number): number {
  return Math.min(Math.ceil(length / STEP) * STEP, MAX_LENGTH);
}

/** Whether `view` asks for no more than `before`, and that can wait. */
function isLess(view: View, before: View): boolean {
  return (
    (view.width ?? MAX_LENGTH) <= (before.width ?? MAX_LENGTH) &&
    (view.height ?? MAX_LENGTH) <= (before.height ?? MAX_LENGTH) &&
    view.pinned === before.pinned &&
    view.spatial === before.spatial &&
    view.temporal === before.temporal
  );
}

const NOWHERE = { width: 0, height: 0 };
/** Of a size, in pixels. */
const STEP = 16;
const MAX_LENGTH = 2 ** 16 - 1;
/** Between messages at least, in ms. */
const SPACING = 200;
/** What is less or gone stays so for as long, in ms: a page that is scrolled through costs nothing. */
const SETTLING = 500;
