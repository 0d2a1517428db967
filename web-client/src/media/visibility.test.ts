// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchShownSize, type PictureSize } from './visibility';

type Callback = (entries: unknown[]) => void;

let tellIntersection: Callback;
let tellResize: Callback;
let stopped: number;
let element: HTMLVideoElement;
let sizes: PictureSize[];
let stops: (() => void)[];

function fakeObserver(keep: (callback: Callback) => void): unknown {
  return class {
    constructor(callback: Callback) {
      keep(callback);
    }
    observe = (): void => undefined;
    disconnect = (): void => {
      stopped += 1;
    };
  };
}

beforeEach(() => {
  stopped = 0;
  sizes = [];
  stops = [];
  vi.stubGlobal(
    'IntersectionObserver',
    fakeObserver((callback) => (tellIntersection = callback)),
  );
  vi.stubGlobal(
    'ResizeObserver',
    fakeObserver((callback) => (tellResize = callback)),
  );
  vi.stubGlobal('devicePixelRatio', 1.5);
  element = document.createElement('video');
  vi.spyOn(element, 'getBoundingClientRect').mockReturnValue({
    width: 320,
    height: 180,
  } as DOMRect);
});

afterEach(() => {
  for (const stop of stops) stop();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function watch(): () => void {
  const stop = watchShownSize(element, (size) => sizes.push(size));
  stops.push(stop);
  return stop;
}

function setPageHidden(isHidden: boolean): void {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(isHidden);
  document.dispatchEvent(new Event('visibilitychange'));
}

test('nothing is told until it is known, and then in pixels of the screen', () => {
  watch();
  expect(sizes).toEqual([]);

  tellIntersection([{ isIntersecting: true }]);
  tellResize([{ contentRect: { width: 321, height: 180 } }]);

  expect(sizes).toEqual([
    { width: 480, height: 270 },
    { width: 482, height: 270 },
  ]);
});

test('what is scrolled away or in a hidden tab has no size', () => {
  watch();
  tellIntersection([{ isIntersecting: true }]);
  tellIntersection([{ isIntersecting: false }]);
  tellIntersection([{ isIntersecting: true }]);
  setPageHidden(true);
  tellResize([{ contentRect: { width: 1280, height: 720 } }]);
  setPageHidden(false);

  expect(sizes.map(({ width }) => width)).toEqual([480, 0, 480, 0, 1920]);
});

test('a page that was hidden from the start shows nothing', () => {
  setPageHidden(true);
  watch();

  expect(sizes).toEqual([{ width: 0, height: 0 }]);
});

test('a picture in a window apart is seen, whatever becomes of its tab', () => {
  watch();
  tellIntersection([{ isIntersecting: true }]);
  vi.spyOn(element, 'getRootNode').mockReturnValue({
    pictureInPictureElement: element,
  } as unknown as Node);
  element.dispatchEvent(new Event('enterpictureinpicture'));
  setPageHidden(true);

  expect(sizes.at(-1)).toEqual({ width: 960, height: 540 });
});

test('after the end nothing is told', () => {
  const stop = watch();
  tellIntersection([{ isIntersecting: true }]);
  stop();
  setPageHidden(true);

  expect(sizes).toHaveLength(1);
  expect(stopped).toBe(2);
});
