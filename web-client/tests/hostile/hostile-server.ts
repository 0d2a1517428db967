import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { built, mint } from '../browser/server';
import { Recording } from './recording';

/** What somebody publishes. */
export interface Publication {
  /** The participant's id. */
  readonly participant: string;
  readonly source: 'microphone' | 'camera' | 'screen' | 'screen-audio';
}

/** Where `subscriber`, an id, gets a publication by signaling's word. */
export interface Target {
  readonly subscriber: string;
  readonly of: Publication;
}

/** What the server can be told to do; see `order.rs` in its sources. */
export type Order =
  | { readonly do: 'show'; readonly target: Target; readonly shown: Publication }
  | { readonly do: 'keep' | 'replay' | 'tally'; readonly target: Target }
  | { readonly do: 'forge'; readonly target: Target; readonly frames: readonly string[] }
  | { readonly do: 'flush' };

interface Answer {
  readonly packets: number;
  readonly altered: number;
  readonly waiting: number;
}

/** The server built to record and to deceive, on free ports of this machine. */
export class HostileServer {
  readonly origin: string;
  /** What it wrote to its error stream. */
  readonly output: string[];
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #folder: string;
  readonly #waiting: ((line: string) => void)[];

  private constructor(
    port: number,
    output: string[],
    process: ChildProcessByStdio<Writable, Readable, Readable>,
    folder: string,
    waiting: ((line: string) => void)[],
  ) {
    this.origin = `http://localhost:${port}`;
    this.output = output;
    this.#process = process;
    this.#folder = folder;
    this.#waiting = waiting;
  }

  static async start(encryption: 'required' | 'optional' = 'required'): Promise<HostileServer> {
    const folder = await mkdtemp(join(tmpdir(), 'quietroom-hostile-'));
    await mint(folder, 'nobody', 'client');
    const output: string[] = [];
    const process = spawn(built('debug', 'hostile-server'), [
      ...['--client', CLIENT, '--encryption', encryption],
      ...['--jwks', join(folder, 'key.jwks.json'), '--recording', join(folder, 'recording')],
    ]);
    process.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
    const waiting: ((line: string) => void)[] = [];
    const lines: Interface = createInterface(process.stdout);
    lines.on('line', (line) => waiting.shift()?.(line));
    const ready = new Promise<string>((resolve, reject) => {
      waiting.push(resolve);
      process.once('error', reject);
      process.once('exit', () => {
        reject(new Error(`the hostile server ended; it said:\n${output.join('')}`));
      });
    });
    const { port } = JSON.parse(await ready) as { port: number };
    return new HostileServer(port, output, process, folder, waiting);
  }

  token(room: string): Promise<string> {
    return mint(this.#folder, room, 'client');
  }

  /** The page's link, with the name that the person gave. */
  link(token: string, name: string): string {
    return `${this.origin}/#${new URLSearchParams({ token, name, 'green-room': 'skip' }).toString()}`;
  }

  /** Resolves when it is done; rejects with the server's reason when it cannot be. */
  async order(order: Order): Promise<Answer> {
    const answered = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
    const answer = JSON.parse(await answered) as Answer & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** All that the server could read up to now. */
  async recording(): Promise<Recording> {
    await this.order({ do: 'flush' });
    return Recording.read(join(this.#folder, 'recording'));
  }

  /** Whether it runs; it panics aloud when its media thread meets what it did not expect. */
  get isWell(): boolean {
    return this.#process.exitCode === null && !this.output.join('').includes('panicked');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const CLIENT = fileURLToPath(new URL('../../dist', import.meta.url));
