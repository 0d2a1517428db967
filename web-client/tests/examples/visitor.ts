import type { Frame, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Participant } from '../browser/participant.ts';
import type {} from '../../src/element/index';

/** Someone at a page that embeds the element. */
export class Visitor {
  readonly page: Page;
  /** What the page wrote to its console, and what its policy forbade. */
  readonly console: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => this.console.push(message.text()));
    page.on('pageerror', (error) => this.console.push(`thrown: ${String(error)}`));
  }

  /** In a tab of its own, which shares no cookies. */
  static async start(browser: Participant): Promise<Visitor> {
    const page = await browser.newPage();
    const visitor = new Visitor(page);
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
        console.error(`forbidden: ${effectiveDirective} ${blockedURI}`);
      });
    });
    return visitor;
  }

  /** What the page wanted and its content security policy did not let it have. */
  get forbidden(): string[] {
    return this.console.filter((line) => /forbidden:|Content Security Policy|thrown:/.test(line));
  }

  async join(): Promise<void> {
    await this.page.getByRole('button', { name: 'Join', exact: true }).click();
    await expect.poll(() => presence(this.page), POLLING).toMatchObject({ state: 'connected' });
  }

  /** Resolves when so many others are there, and a picture of each goes on; fails after a while. */
  async sees(count: number, where: Page | Frame = this.page): Promise<void> {
    await expect
      .poll(() => presence(where), POLLING)
      .toEqual({ state: 'connected', others: count, pictures: count });
  }
}

interface Presence {
  readonly state: string;
  readonly others: number;
  /** Of others, that were decoded. */
  readonly pictures: number;
}

function presence(where: Page | Frame): Promise<Presence> {
  return where.evaluate(async () => {
    const room = document.querySelector('quiet-room')?.room;
    if (room === undefined) return { state: 'none', others: 0, pictures: 0 };
    const { received } = await room.statistics();
    const pictures = received.filter(
      ({ source, framesDecoded = 0 }) => source === 'camera' && framesDecoded > 0,
    );
    return { state: room.state, others: room.participants.length, pictures: pictures.length };
  });
}

const POLLING = { timeout: 15_000, interval: 100 };
