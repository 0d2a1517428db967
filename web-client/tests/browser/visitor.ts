import type { Page } from 'playwright-core';

import type { TileState } from './chronicle';

/** What a visitor does while in the session. */
export type Deed = 'microphone' | 'camera' | 'hand' | 'chat' | 'reaction';

const DEEDS: readonly Deed[] = ['microphone', 'camera', 'hand', 'chat', 'reaction'];

/** Somebody who comes and goes, by the buttons of the element, and what the others are to know of it. */
export class Visitor {
  readonly name: string;
  readonly page: Page;
  readonly #link: string;
  /** Has the microphone off. */
  readonly #isQuiet: boolean;
  /** By which the others know this one; absent outside. */
  id: string | undefined;
  microphone = true;
  camera = true;
  handRaised = false;
  /** The page shows the end of a stay, from which a press leads back. */
  #isAtEnd = false;
  #heard: string[] = [];
  #written = 0;

  constructor(name: string, page: Page, link: string, isQuiet = false) {
    this.name = name;
    this.#isQuiet = isQuiet;
    this.page = page;
    this.#link = `${link}&name=${name}`;
  }

  get isIn(): boolean {
    return this.id !== undefined;
  }

  get deeds(): readonly Deed[] {
    return this.#isQuiet ? DEEDS.filter((deed) => deed !== 'microphone') : DEEDS;
  }

  /** Whether `event` follows from coming in: the devices open one after the other, and a quiet one closes its microphone. */
  opensBy(event: string): boolean {
    return OPENINGS.includes(event) || (this.#isQuiet && event === 'microphone off');
  }

  /** Resolves when the session has this one. */
  async come(): Promise<void> {
    const isAnew = !this.#isAtEnd;
    if (this.#isAtEnd) {
      await this.page.locator('.rejoin').click();
    } else {
      await this.page.goto(this.#link);
      this.microphone = true;
      this.camera = true;
    }
    this.#isAtEnd = false;
    this.handRaised = false;
    const id = await this.page.waitForFunction(() => window.chronicle.id(), undefined, {
      timeout: COMING_MS,
      polling: 30,
    });
    this.id = await id.jsonValue();
    await id.dispose();
    if (this.#isQuiet && isAnew) await this.do('microphone');
  }

  /** Leaves by the button and stays at the page, or goes to another one. */
  async go(way: 'button' | 'page'): Promise<void> {
    this.id = undefined;
    this.#isAtEnd = way === 'button';
    if (way === 'button') await this.page.locator('.controls .leave').click();
    else await this.page.goto('about:blank');
  }

  /** Resolves with what the others are told of it. */
  async do(deed: Deed): Promise<string> {
    switch (deed) {
      case 'microphone':
        await this.page.locator('.controls .microphone').click();
        this.microphone = !this.microphone;
        return `microphone ${this.microphone ? 'on' : 'off'}`;
      case 'camera':
        await this.page.locator('.controls .camera').click();
        this.camera = !this.camera;
        return `camera ${this.camera ? 'on' : 'off'}`;
      case 'hand':
        await this.page.locator('.controls .hand:enabled').click();
        this.handRaised = !this.handRaised;
        return `hand ${this.handRaised ? 'on' : 'off'}`;
      case 'chat': {
        const text = `${this.name}'s line ${String(++this.#written)}`;
        await this.page.evaluate((line) => {
          document.querySelector('quiet-room')!.room!.sendChat(line);
        }, text);
        return `wrote ${text}`;
      }
      case 'reaction':
        await this.page.locator('.controls .react:enabled').click();
        await this.page.getByRole('button', { name: 'Applause' }).click();
        return 'showed 👏';
    }
  }

  /** Puts everything as it was at the start; resolves with what was done. */
  async calmDown(): Promise<string[]> {
    const done: string[] = [];
    if (this.microphone === this.#isQuiet) done.push(await this.do('microphone'));
    if (!this.camera) done.push(await this.do('camera'));
    if (this.handRaised) done.push(await this.do('hand'));
    return done;
  }

  tiles(): Promise<TileState[]> {
    return this.page.evaluate(() => window.chronicle.tiles());
  }

  /** All that the page was told since {@link Visitor.forget}, by whom it is about. */
  async heard(): Promise<Map<string, string[]>> {
    this.#heard.push(...(await this.page.evaluate(() => window.chronicle.events())));
    const bySubject = new Map<string, string[]>();
    for (const event of this.#heard) {
      const [, id = '', what = ''] = /^(\S+) (.*)$/.exec(event) ?? [];
      bySubject.set(id, [...(bySubject.get(id) ?? []), what]);
    }
    return bySubject;
  }

  forget(): void {
    this.#heard = [];
  }
}

const OPENINGS = ['microphone on', 'camera on'];

/** A busy machine takes its time for six who come at once. */
const COMING_MS = 60_000;
