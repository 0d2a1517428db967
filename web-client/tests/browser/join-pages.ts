import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';
import { build, type Rolldown } from 'vite';

import type { Participant } from './participant';

/** Pages of the client without a user interface, at the server's own origin: one person each, or a crowd. */
export class JoinPages {
  readonly #origin: string;
  readonly #files: Promise<{ readonly script: string; readonly worker: string }>;

  constructor(origin: string, kind: 'join-page' | 'crowd-page' = 'join-page') {
    this.#origin = origin;
    this.#files = buildPage(`./${kind}/page.ts`);
  }

  /** A page in a tab of `participant`'s, where `before` ran first. */
  async open(
    participant: Participant | undefined,
    ...before: readonly (() => void)[]
  ): Promise<Page> {
    if (participant === undefined) throw new Error('nobody is there');
    const { script, worker } = await this.#files;
    const page = await participant.newPage();
    for (const preparation of before) await page.addInitScript(preparation);
    // The demo page without a token joins nothing.
    await page.goto(this.#origin);
    await page.evaluate(`window.workerUrl = ${JSON.stringify(worker)}; ${script}`);
    return page;
  }
}

async function buildPage(entry: string): Promise<{ script: string; worker: string }> {
  const [built] = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: path(entry), formats: ['iife'], name: 'page' },
    },
  })) as Rolldown.RolldownOutput[];
  const files = await readdir(path('../../dist/assets'));
  const worker = files.find((name) => name.startsWith('e2ee-worker-'));
  if (built === undefined || worker === undefined) throw new Error('the client is not built');
  return { script: built.output[0].code, worker: `/assets/${worker}` };
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
