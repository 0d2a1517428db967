import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { seededRandom } from '../../src/e2ee/worker/seeded-random';
import { keepChronicle } from './chronicle';
import { Gathering } from './gathering';
import { growth, type Holdings, HoldingsProbe } from './holdings';
import { GREEN, RED } from './participant';
import { type Deed, Visitor } from './visitor';

/** How long six people come and go; absent, three do so for as long as it takes to see that it goes on. */
const MINUTES = Number(process.env['QUIETROOM_MINUTES'] ?? 0);
vi.setConfig({ testTimeout: MINUTES * 60_000 + 240_000 });

describe('people of whom some come and go', () => {
  const gathering = Gathering.byTokens();
  const random = seededRandom(SEED);
  let visitors: Visitor[];
  /** Is always there. */
  let ada: Visitor;
  /** In ms: the longest time until all knew, and saw, what had been done. */
  let slowest = 0;
  /** What was done last, and who came in meanwhile. */
  let latest: { readonly done: Done; readonly newcomers: readonly Visitor[] } = {
    done: new Map(),
    newcomers: [],
  };
  /** Leaves by the button, and comes back at the same page. */
  let ben: Visitor;

  beforeAll(async () => {
    // Tabs of two browsers: one each would only compute more.
    const browsers = await gathering.start([RED, GREEN], SMALL);
    const { server } = gathering;
    visitors = [];
    for (const name of NAMES.slice(0, MINUTES === 0 ? 3 : 6)) {
      const browser = browsers[visitors.length % browsers.length]!;
      // Not its first page, where an observer of the tests' keeps what it watches.
      const page = await browser.newPage();
      await page.setViewportSize(WINDOW);
      await page.addInitScript(keepChronicle);
      const link = server.link(await server.token('group'));
      visitors.push(new Visitor(name, page, link, visitors.length >= SPEAKERS));
    }
    [ada, ben] = visitors as [Visitor, Visitor];
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  /** Resolves when all who are in know of all that was done, see who is there, and every picture moves. */
  async function settled(done: Done, newcomers: readonly Visitor[]): Promise<void> {
    const start = Date.now();
    await Promise.all(
      visitors
        .filter(({ isIn }) => isIn)
        .map(async (viewer) => {
          const others = visitors.filter((one) => one.isIn && one !== viewer);
          const first = new Map<string, number>();
          const look = async (): Promise<object> => {
            const tiles = await viewer.tiles();
            const shown = tiles.map(({ frames, id, isPaused, ...tile }) => {
              if (frames === null) return { ...tile, picture: isPaused ? 'paused' : 'none' };
              const before = first.get(id) ?? frames;
              first.set(id, before);
              return { ...tile, picture: frames > before ? 'moves' : 'stands' };
            });
            const heard = await viewer.heard();
            for (const newcomer of newcomers) {
              const { id = '' } = newcomer;
              const told = heard.get(id) ?? [];
              heard.set(
                id,
                told.filter((event) => !newcomer.opensBy(event)),
              );
            }
            // A newcomer cannot know what was before, nor when it came in.
            if (newcomers.includes(viewer)) return { shown: byName(shown), heard: expected };
            heard.delete(viewer.id ?? '');
            if (latest.newcomers.includes(viewer)) {
              for (const [id, told] of heard) {
                heard.set(id, withoutLate(told, done.get(id) ?? [], latest.done.get(id) ?? []));
              }
            }
            return { shown: byName(shown), heard: sorted(heard) };
          };
          const expected = sorted(new Map([...done].filter(([id]) => id !== viewer.id)));
          const wanted = others.map(({ name, microphone, camera, handRaised }) => ({
            name,
            microphone,
            handRaised,
            picture: camera ? 'moves' : 'none',
          }));
          await expect
            .poll(look, { timeout: SETTLING_MS, interval: 100, message: `what ${viewer.name} has` })
            .toEqual({ shown: byName(wanted), heard: expected });
        }),
    );
    latest = { done, newcomers };
    slowest = Math.max(slowest, Date.now() - start);
    for (const visitor of visitors) visitor.forget();
  }

  /** One or two come or go while two others do something. */
  async function round(comers: readonly Visitor[], doers: readonly Visitor[]): Promise<void> {
    const done = new Map<string, string[]>();
    const newcomers: Visitor[] = [];
    const deeds = doers.map((doer) => [doer, choose(doer.deeds)] as [Visitor, Deed]);
    await Promise.all([
      ...comers.map(async (visitor) => {
        const { id } = visitor;
        if (id === undefined) {
          await visitor.come();
          newcomers.push(visitor);
          done.set(visitor.id ?? '', ['joined']);
        } else {
          await visitor.go(visitor === ben || random() < 0.5 ? 'button' : 'page');
          done.set(id, ['left']);
        }
      }),
      ...deeds.map(async ([doer, deed]) => {
        done.set(doer.id ?? '', [await doer.do(deed)]);
      }),
    ]);
    await settled(done, newcomers);
  }

  /** All are in, as at the start. */
  async function asAtFirst(): Promise<void> {
    const away = visitors.filter(({ isIn }) => !isIn);
    if (away.length > 0) await round(away, []);
    const deeds = await Promise.all(visitors.map((visitor) => visitor.calmDown()));
    await settled(new Map(visitors.map(({ id = '' }, at) => [id, deeds[at] ?? []])), []);
  }

  /** Ada turns her microphone off and on. */
  async function pressMicrophone(times: number): Promise<void> {
    const done: string[] = [];
    while (done.length < 2 * times) done.push(await ada.do('microphone'));
    await settled(new Map([[ada.id ?? '', done]]), []);
  }

  /** Everybody but Ada goes and comes once, in an order of chance; returns how many rounds that were. */
  async function turn(): Promise<number> {
    const order = shuffled(visitors.filter((visitor) => visitor !== ada));
    let rounds = 0;
    let away: Visitor[] = [];
    while (order.length > 0 || away.length > 0) {
      const leaving = order.splice(0, MINUTES > 0 && random() < 0.5 ? 2 : 1);
      const comers = [...away, ...leaving];
      const present = visitors.filter((one) => one.isIn && !comers.includes(one));
      await round(comers, shuffled(present).slice(0, 2));
      away = leaving;
      rounds += 1;
    }
    return rounds;
  }

  function choose<T>(from: readonly T[]): T {
    return from[Math.floor(random() * from.length)]!;
  }

  function shuffled<T>(all: readonly T[]): T[] {
    return all
      .map((one) => ({ one, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ one }) => one);
  }

  test('nobody misses anything, no picture stands still, and nothing is kept of who left', async () => {
    await ada.come();
    await Promise.all(visitors.slice(1).map((visitor) => visitor.come()));
    await settled(new Map(), visitors);
    const probes = await Promise.all([ada, ben].map(({ page }) => HoldingsProbe.of(page)));
    const count = (): Promise<Holdings[]> => Promise.all(probes.map((probe) => probe.count()));
    // What is made once, and kept for the next time, is made.
    await turn();
    await asAtFirst();
    const before = await count();
    await Promise.all(visitors.map(({ page }) => page.evaluate(() => window.chronicle.covered())));

    slowest = 0;
    const end = Date.now() + MINUTES * 60_000;
    let [rounds, turns] = [0, 0];
    do {
      rounds += await turn();
      turns += 1;
      if (turns % 10 === 0) {
        await asAtFirst();
        const [adas, bens] = await count();
        console.log(
          `${String(rounds)} rounds: ${inWords(adas!)}; who comes back: ${inWords(bens!)}`,
        );
      }
    } while (turns < LEAST_TURNS || Date.now() < end);
    await asAtFirst();
    await pressMicrophone(3);

    const covered = await ada.page.evaluate(() => window.chronicle.covered());
    let after = await count();
    const grown = (): string[][] => before.map((one, at) => growth(one, after[at]!));
    // What was shown for a moment, or what the browser keeps for seconds, goes by itself.
    const patience = Date.now() + PATIENCE_MS;
    while (grown().some((more) => more.length > 0) && Date.now() < patience) {
      await ada.page.waitForTimeout(1_000);
      after = await count();
    }
    console.log(
      `${String(rounds)} rounds of comings and goings, each known and seen by all within ` +
        `${String(slowest)} ms; who stays: ${inWords(before[0]!)}, then ` +
        `${inWords(after[0]!)}; who comes back: ${inWords(before[1]!)}, then ${inWords(after[1]!)}`,
    );
    expect(grown()).toEqual([[], []]);
    for (const [at, one] of before.entries()) {
      expect(after[at]!.heap - one.heap).toBeLessThan(HEAP_SLACK);
    }
    expect(covered).toBe(0);
  });
});

function byName<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return [...all].sort((a, b) => a.name.localeCompare(b.name));
}

/** By subject; those of whom there is nothing left out. Two devices may open in either order. */
function sorted(bySubject: ReadonlyMap<string, readonly string[]>): object {
  const told = [...bySubject].filter(([, events]) => events.length > 0);
  return Object.fromEntries(told.map(([id, events]) => [id, [...events].sort()] as const).sort());
}

/** `told` without what of `late` is more than `wanted`: it was on its way to who came in meanwhile. */
function withoutLate(
  told: readonly string[],
  wanted: readonly string[],
  late: readonly string[],
): string[] {
  const left = [...told];
  for (const event of late) {
    if (left.length > wanted.length && left[0] === event) left.shift();
  }
  return left;
}

function inWords({ heap, nodes, listeners, detached, workers, objects }: Holdings): string {
  const megabytes = (heap / 2 ** 20).toFixed(1);
  const counts = Object.entries(objects).map(([name, number]) => `${String(number)} ${name}`);
  return (
    `${megabytes} MB, ${String(nodes)} nodes, ${String(detached)} elements in no document, ` +
    `${String(listeners)} listeners, ${String(workers)} workers, ${counts.join(', ')}`
  );
}

/** What each did, by id. */
type Done = ReadonlyMap<string, readonly string[]>;

const NAMES = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn'];
/** Thirty pictures are decoded at once. */
const SMALL = { width: 160, height: 90, frames: MINUTES === 0 ? 15 : 5 };
/** The sound of six, each with an echo canceller of its own, takes more than two cores. */
const SPEAKERS = MINUTES === 0 ? 3 : 2;
/** They are painted without a graphics card. */
const WINDOW = { width: 560, height: 420 };
const SEED = Number(process.env['QUIETROOM_SEED'] ?? 1);
/** A busy machine takes its time; what stands still does so for good. */
const SETTLING_MS = 60_000;
const LEAST_TURNS = 2;
/** Longer than Chromium keeps what `getUserMedia` gave. */
const PATIENCE_MS = 12_000;
/** In bytes: lines of the chat are kept, and code is compiled. */
const HEAP_SLACK = 3 * 2 ** 20;
