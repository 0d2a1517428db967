import type { CDPSession, Page } from 'playwright-core';

/** What a page holds on to when all garbage is collected. */
export interface Holdings {
  /** In bytes. */
  readonly heap: number;
  /**
   * DOM nodes, in a document or not, those that browsers make for themselves
   * included. Not the document's comments: Lit leaves one for each item of a
   * list that goes (lit/lit#5298).
   */
  readonly nodes: number;
  readonly listeners: number;
  /** Elements that are in no document. */
  readonly detached: number;
  readonly workers: number;
  /** How many objects of each of {@link CLASSES}. */
  readonly objects: Readonly<Record<string, number>>;
}

/** Counts by the browser's own tools. */
export class HoldingsProbe {
  readonly #page: Page;
  readonly #devtools: CDPSession;

  private constructor(page: Page, devtools: CDPSession) {
    this.#page = page;
    this.#devtools = devtools;
  }

  static async of(page: Page): Promise<HoldingsProbe> {
    // Playwright's own listeners come with its first look.
    await page.locator('quiet-room').isVisible();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    await devtools.send('HeapProfiler.enable');
    return new HoldingsProbe(page, devtools);
  }

  async count(): Promise<Holdings> {
    const devtools = this.#devtools;
    await devtools.send('HeapProfiler.collectGarbage');
    const { result } = await devtools.send('Runtime.evaluate', {
      expression: 'EventTarget.prototype',
      objectGroup: GROUP,
    });
    // Collects garbage too, and takes its time: so all are asked for at once.
    const { objects } = await devtools.send('Runtime.queryObjects', {
      prototypeObjectId: result.objectId ?? '',
      objectGroup: GROUP,
    });
    const counted = await devtools.send('Runtime.callFunctionOn', {
      objectId: objects.objectId ?? '',
      functionDeclaration: COUNT,
      arguments: [{ value: CLASSES }],
      returnByValue: true,
    });
    // Else what was looked at would be held by the look.
    await devtools.send('Runtime.releaseObjectGroup', { objectGroup: GROUP });
    const { detached, ...living } = counted.result.value as Record<string, number>;
    const comments = await this.#page.evaluate(countComments);
    const { nodes, jsEventListeners } = await devtools.send('Memory.getDOMCounters');
    const { metrics } = await devtools.send('Performance.getMetrics');
    const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? NaN;
    return {
      heap,
      nodes: nodes - comments,
      listeners: jsEventListeners,
      detached: detached ?? NaN,
      workers: this.#page.workers().length,
      objects: living,
    };
  }
}

/** What `after` has more than `before`, and more than comes and goes by itself. */
export function growth(before: Holdings, after: Holdings): string[] {
  const known = counts(before);
  return Object.entries(counts(after)).flatMap(([kind, count]) => {
    const grown = count - (known[kind] ?? 0);
    return grown > (SLACK[kind] ?? 0) ? [`${String(grown)} more ${kind}`] : [];
  });
}

function counts({
  objects,
  nodes,
  listeners,
  detached,
  workers,
}: Holdings): Record<string, number> {
  return { ...objects, nodes, listeners, detached, workers };
}

/** In the page: shadow trees included. */
function countComments(): number {
  const countIn = (node: Node): number => {
    const shadow = node instanceof Element ? node.shadowRoot : null;
    const within = [...node.childNodes, ...(shadow === null ? [] : [shadow])];
    const own = node.nodeType === Node.COMMENT_NODE ? 1 : 0;
    return within.reduce((sum, one) => sum + countIn(one), own);
  };
  return countIn(document);
}

/** What a stay, or somebody else's, takes from the browser. */
export const CLASSES = [
  'RTCPeerConnection',
  'MediaStream',
  'MediaStreamTrack',
  'HTMLMediaElement',
  'Worker',
  'WebSocket',
  'AudioContext',
] as const;

const SLACK: Readonly<Record<string, number>> = {
  // A line more is said aloud, or a reaction still shown. What is held is held with its whole tree.
  nodes: 80,
  detached: 20,
  // Chromium keeps what `getUserMedia` gave for ten seconds.
  MediaStreamTrack: 6,
  // A camera that is turned on again comes alone, no more with the microphone.
  MediaStream: 1,
};
const GROUP = 'holdings';
const COUNT = `function (classes) {
  // Prototypes of classes further down are found too.
  const objects = this.filter((one) => !Object.hasOwn(one, 'constructor'));
  const count = (test) => objects.filter(test).length;
  const counts = classes.map((name) => [name, count((one) => one instanceof globalThis[name])]);
  const detached = count((one) => one instanceof Element && !one.isConnected);
  return { ...Object.fromEntries(counts), detached };
}`;
