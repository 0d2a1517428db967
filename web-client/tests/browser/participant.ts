import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Browser, chromium, type Page } from 'playwright-core';

import { SLOWNESS } from '../slow-machine';
import type { Attendee } from './attendee';
import { installObserver, type JoinTimings, type Remote } from './observer';
import { type Colour, type Painter, type PictureSize, plain, writePicture } from './picture';
import { type Tone, writeTone } from './tone';

/** Somebody who can be told apart by ear and by eye. */
export interface Person extends Tone {
  readonly name: string;
  readonly colour: Colour;
  /** Writes what the microphone gives, to a file; the tone when absent. */
  readonly voice?: (path: string) => Promise<void>;
  /** What the camera shows; the plain colour when absent. */
  readonly painter?: Painter;
  /** The usual browser when absent. */
  readonly browser?: OtherBrowser;
}

/** 440 Hz, 610 Hz, 830 Hz and 1130 Hz: none is a multiple of another, nor of the bursts' rate. */
export const RED: Person = { name: 'red', frequency: 440, colour: [200, 30, 30] };
export const GREEN: Person = { name: 'green', frequency: 610, colour: [30, 170, 50] };
export const BLUE: Person = { name: 'blue', frequency: 830, colour: [40, 60, 210] };
export const YELLOW: Person = { name: 'yellow', frequency: 1130, colour: [220, 200, 40] };
export const PEOPLE: readonly Person[] = [RED, GREEN, BLUE, YELLOW];

/** The browser's program. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Whose picture and whose sound one tile has, by the names of the people. */
export interface Tile {
  readonly seen: string;
  readonly heard: string;
}

/** Another program than the usual browser, or more flags. */
export interface OtherBrowser {
  readonly program?: string;
  readonly flags?: readonly string[];
  /** Flags that it has otherwise. */
  readonly without?: readonly string[];
  /** Where its settings and certificates are; the usual place when absent. */
  readonly home?: string;
}

/** One person's own Chromium, with a microphone and a camera that play the person's tone and picture. */
export class Participant implements Attendee {
  readonly person: Person;
  readonly page: Page;
  /** Whatever the page wrote to its console or threw, oldest first. */
  readonly console: string[] = [];
  readonly #browser: Browser;
  readonly #folder: string;

  private constructor(person: Person, browser: Browser, page: Page, folder: string) {
    this.person = person;
    this.page = page;
    this.#browser = browser;
    this.#folder = folder;
    page.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.console.push(`thrown: ${String(error)}`));
    page.on('requestfailed', (request) => {
      this.console.push(
        `failed: ${request.url()}: ${request.failure()?.errorText ?? 'no reason given'}`,
      );
    });
  }

  /** Starts the browser, on an empty page. */
  static async start(
    person: Person,
    size: PictureSize = DEFAULT_SIZE,
    { program, flags = [], without = [], home }: OtherBrowser = person.browser ?? {},
  ): Promise<Participant> {
    const folder = await mkdtemp(join(tmpdir(), `quietroom-${person.name}-`));
    try {
      const microphone = join(folder, 'microphone.wav');
      const camera = join(folder, 'camera.y4m');
      await Promise.all([
        person.voice?.(microphone) ?? writeTone(microphone, person),
        writePicture(camera, size, person.painter ?? plain(person.colour)),
      ]);
      const browser = await chromium.launch({
        executablePath: program ?? CHROMIUM,
        ...(home !== undefined && { env: { ...process.env, HOME: home } }),
        ignoreDefaultArgs: ['--mute-audio', ...without],
        args: [
          ...CHROMIUM_FLAGS.filter((flag) => !without.includes(flag)),
          ...flags,
          `--use-file-for-fake-audio-capture=${microphone}`,
          `--use-file-for-fake-video-capture=${camera}`,
        ],
      });
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      await page.addInitScript(installObserver);
      return new Participant(person, browser, page, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get name(): string {
    return this.person.name;
  }

  evaluate<Result, Argument>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument?: Argument,
  ): Promise<Result> {
    return this.page.evaluate(work as (argument: unknown) => Result | Promise<Result>, argument);
  }

  async prepare(script: () => void): Promise<void> {
    await this.page.addInitScript(script);
  }

  /** As if on another computer, in this person's browser. */
  newPage(): Promise<Page> {
    return this.#browser.newPage();
  }

  /** Another tab beside this person's page. */
  newTab(): Promise<Page> {
    return this.page.context().newPage();
  }

  async open(link: string): Promise<void> {
    await this.page.goto(link, { waitUntil: 'load' });
  }

  /** Resolves once this page shows `count` others, and fails after some seconds. */
  async meets(count: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => window.observer.ids().length === wanted && window.observer.pictures() === wanted,
      count,
      { timeout: PATIENCE_MS, polling: 50 },
    );
  }

  ids(): Promise<string[]> {
    return this.page.evaluate(() => window.observer.ids());
  }

  /** Everybody this page shows, by sight and hearing, in the order of {@link PEOPLE}. */
  async tiles(): Promise<Tile[]> {
    const remotes = await this.remotes();
    const order = (tile: Tile): number => PEOPLE.findIndex(({ name }) => name === tile.seen);
    return remotes
      .map((remote) => ({ seen: whoIsSeen(remote), heard: whoIsHeard(remote) }))
      .sort((left, right) => order(left) - order(right));
  }

  remotes(): Promise<Remote[]> {
    return this.page.evaluate(
      ([frequencies, listen]) => window.observer.remotes(frequencies, listen),
      [[...PROBES], LISTEN_MS] as const,
    );
  }

  /** When (`Date.now()`) this page first shows `person` under an id that is not in `except`. */
  sees(person: Person, except: readonly string[], timeoutMs: number): Promise<number> {
    return this.page.evaluate(
      ([colour, ids, timeout]) => window.observer.sees(colour, ids, timeout),
      [[...person.colour], [...except], timeoutMs] as const,
    );
  }

  /** When (`Date.now()`) this page has let go of the participant `id`. */
  misses(id: string, timeoutMs: number): Promise<number> {
    return this.page.evaluate(([gone, timeout]) => window.observer.misses(gone, timeout), [
      id,
      timeoutMs,
    ] as const);
  }

  /** How long the join took; waits for the first picture of somebody else. */
  async timings(): Promise<JoinTimings> {
    const handle = await this.page.waitForFunction(() => window.observer.timings(), undefined, {
      timeout: PATIENCE_MS,
      polling: 50,
    });
    const timings = await handle.jsonValue();
    if (timings === undefined) throw new Error('the page gave no timings');
    return timings;
  }

  /** Ends the browser; safe to call twice. */
  async close(): Promise<void> {
    await this.#browser.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function whoIsSeen({ picture }: Remote): string {
  if (picture === null) return 'nobody';
  const match = PEOPLE.find(({ colour }) =>
    colour.every(
      (value, index) => Math.abs(value - (picture.colour[index] ?? 0)) < COLOUR_TOLERANCE,
    ),
  );
  return match?.name ?? `unknown colour ${picture.colour.map(Math.round).join(',')}`;
}

function whoIsHeard({ sound }: Remote): string {
  if (sound === null) return 'nobody';
  const level = (frequency: number): number => sound.levels[PROBES.indexOf(frequency)] ?? -200;
  const loudest = Math.max(...PEOPLE.map(({ frequency }) => level(frequency)));
  const threshold = Math.max(
    AUDIBLE_DBFS,
    level(UNPLAYED_HZ) + STANDING_OUT_DB,
    loudest - SIDEBAND_DB,
  );
  const audible = PEOPLE.filter(({ frequency }) => level(frequency) >= threshold);
  if (audible.length > 0) return audible.map(({ name }) => name).join(' and ');
  return loudest < AUDIBLE_DBFS
    ? 'nobody'
    : `noise (${sound.levels.map(Math.round).join(', ')} dBFS)`;
}

/** Far more than it takes: who measures says by itself what is too long. */
const PATIENCE_MS = SLOWNESS * 20_000;
const DEFAULT_SIZE: PictureSize = { width: 640, height: 360, frames: 15 };
/** Nobody's tone: what is heard there is noise. */
const UNPLAYED_HZ = 1490;
const PROBES: readonly number[] = [...PEOPLE.map(({ frequency }) => frequency), UNPLAYED_HZ];
/** Long enough for a few bursts and the jitter buffer's start. */
const LISTEN_MS = 1_200;
const AUDIBLE_DBFS = -60;
const STANDING_OUT_DB = 20;
/** The browser's changing gain makes sidebands, 35 dB under the tone and less; a second voice is within 10 dB. */
const SIDEBAND_DB = 25;
/** Of 255; VP8 at a low bitrate and the change of colour space move a plain colour by less than 15. */
const COLOUR_TOLERANCE = 40;

/** Among them pretended devices, which nobody is asked for. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];
