/** A picture's size in pixels of the screen; 0 by 0 where nobody can see it. */
export interface PictureSize {
  /** In pixels of the screen. */
  readonly width: number;
  /** In pixels of the screen. */
  readonly height: number;
}

/**
 * Tells `listener` at which size `element` can be seen, and whenever that
 * changes: it is scrolled away or not laid out, or its tab is hidden. The
 * returned function ends it. Browsers that cannot tell say nothing.
 */
export function watchShownSize(
  element: HTMLElement,
  listener: (size: PictureSize) => void,
): () => void {
  if (typeof IntersectionObserver === 'undefined' || typeof ResizeObserver === 'undefined') {
    return () => undefined;
  }
  const page = element.ownerDocument;
  let inView: boolean | undefined;
  let box = NOWHERE;
  let told: PictureSize | undefined;

  const measure = (): PictureSize | undefined => {
    const apart = windowApart(element);
    if (apart !== undefined) return inPixels(apart);
    if (page.hidden) return NOWHERE;
    if (inView === undefined) return undefined;
    return inView ? inPixels(box) : NOWHERE;
  };
  const update = (): void => {
    const size = measure();
    if (size === undefined) return;
    if (told?.width === size.width && told.height === size.height) return;
    told = size;
    listener(size);
  };
  const intersection = new IntersectionObserver((entries) => {
    inView = entries.at(-1)?.isIntersecting ?? inView;
    const rect = element.getBoundingClientRect();
    box = { width: rect.width, height: rect.height };
    update();
  });
  const resize = new ResizeObserver((entries) => {
    const rect = entries.at(-1)?.contentRect;
    if (rect !== undefined) box = { width: rect.width, height: rect.height };
    update();
  });
  intersection.observe(element);
  resize.observe(element);
  page.addEventListener('visibilitychange', update);
  // The window has moved to another screen, or the page was zoomed.
  window.addEventListener('resize', update);
  for (const name of APART) element.addEventListener(name, update);
  update();
  return () => {
    intersection.disconnect();
    resize.disconnect();
    page.removeEventListener('visibilitychange', update);
    window.removeEventListener('resize', update);
    for (const name of APART) element.removeEventListener(name, update);
  };
}

/** The small window that shows the element above all others, if it is there. */
function windowApart(element: HTMLElement): PictureSize | undefined {
  const root = element.getRootNode() as Partial<DocumentOrShadowRoot>;
  return root.pictureInPictureElement === element ? PICTURE_IN_PICTURE : undefined;
}

function inPixels({ width, height }: PictureSize): PictureSize {
  const scale = (length: number): number =>
    Math.min(Math.ceil(length * devicePixelRatio), MAX_LENGTH);
  return { width: scale(width), height: scale(height) };
}

const NOWHERE: PictureSize = { width: 0, height: 0 };
/** In CSS pixels; browsers do not tell its size to late comers. */
const PICTURE_IN_PICTURE: PictureSize = { width: 640, height: 360 };
const APART = ['enterpictureinpicture', 'leavepictureinpicture'] as const;
/** What the protocol can say. */
const MAX_LENGTH = 2 ** 16 - 1;
