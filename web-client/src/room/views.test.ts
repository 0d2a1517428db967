import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { TrackView } from './track';
import { Views, type Picture } from './views';

let pictures: Picture[];
let sent: ClientMessage[];
let views: Views;

beforeEach(() => {
  vi.useFakeTimers();
  pictures = [];
  sent = [];
  views = new Views(
    () => pictures,
    (message) => sent.push(message),
  );
});

afterEach(() => {
  vi.useRealTimers();
});

function show(slot: number, view: Partial<TrackView>, place: Picture['place'] = 'person'): void {
  const others = pictures.filter((other) => other.slot !== slot || other.place !== place);
  pictures = [...others, { place, slot, view: { size: undefined, isPinned: false, ...view } }];
  views.update();
}

function sized(width: number, height: number): Partial<TrackView> {
  return { size: { width, height } };
}

test('of pictures that are as large as can be nothing is told', () => {
  show(0, {});
  views.open();
  vi.runAllTimers();

  expect(sent).toEqual([]);
});

test('what is seen again or larger is told at once, what is less after a while', () => {
  views.open();
  show(0, sized(0, 0));
  show(1, sized(320, 180));
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(500);
  expect(sent).toEqual([
    {
      type: 'show',
      people: [
        { slot: 0, width: 0, height: 0 },
        { slot: 1, width: 320, height: 192 },
      ],
      screens: [],
    },
  ]);

  vi.advanceTimersByTime(1000);
  show(0, sized(640, 360));

  expect(sent.slice(1)).toEqual([
    { type: 'show', people: [{ slot: 0, width: 640, height: 368 }], screens: [] },
  ]);
});

test('what is scrolled past is never told of', () => {
  views.open();
  show(0, sized(320, 180));
  vi.advanceTimersByTime(1000);

  show(0, sized(0, 0));
  vi.advanceTimersByTime(400);
  show(0, sized(320, 180));
  vi.advanceTimersByTime(1000);

  expect(sent).toHaveLength(1);
});

test('a window that is dragged larger is told of five times a second at most', () => {
  views.open();
  show(0, sized(100, 100));
  vi.advanceTimersByTime(1000);

  for (let step = 0; step < 100; step++) {
    show(0, sized(100 + 16 * step, 100));
    vi.advanceTimersByTime(10);
  }
  vi.advanceTimersByTime(1000);

  expect(sent.length).toBeLessThanOrEqual(8);
  expect(sent.at(-1)).toMatchObject({ people: [{ width: 1696 }] });
});

test('screens, pins and layers are told of', () => {
  views.open();
  show(0, sized(1280, 720), 'screen');
  show(2, { isPinned: true, spatial: 0, temporal: 1 });

  expect(sent).toEqual([
    {
      type: 'show',
      people: [{ slot: 2, pinned: true, spatial: 0, temporal: 1 }],
      screens: [{ slot: 0, width: 1280, height: 720 }],
    },
  ]);
});

test('a server that has forgotten all is told all again, once it knows our slots', () => {
  views.open();
  show(0, sized(320, 180));
  vi.advanceTimersByTime(1000);

  views.close();
  show(1, sized(320, 180));
  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(1);
  views.open();
  vi.advanceTimersByTime(1000);

  expect(sent[1]).toMatchObject({ people: [{ slot: 0 }, { slot: 1 }] });
});

test('of pictures that are not wanted nothing comes, however they are shown, until they are', () => {
  views.open();
  show(0, sized(320, 180));
  show(1, {});
  vi.advanceTimersByTime(1000);
  views.setHidden(true);
  vi.advanceTimersByTime(1000);
  expect(sent.at(-1)).toMatchObject({
    people: [
      { slot: 0, width: 0, height: 0 },
      { slot: 1, width: 0, height: 0 },
    ],
  });

  show(2, sized(640, 360));
  vi.advanceTimersByTime(1000);
  expect(sent.at(-1)).toMatchObject({ people: [{ slot: 2, width: 0, height: 0 }] });
  views.setHidden(false);
  vi.advanceTimersByTime(1000);

  expect(sent.at(-1)).toEqual({
    type: 'show',
    people: [
      { slot: 0, width: 320, height: 192 },
      { slot: 1 },
      { slot: 2, width: 640, height: 368 },
    ],
    screens: [],
  });
});
