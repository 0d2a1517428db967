import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { Role } from '../../src/signaling/protocol/Role';

/** What is not as it is by default, of the settings under `[rooms]`. */
export interface RoomSettings {
  readonly encryption?: 'optional';
  readonly capacity?: number;
}

/** What a session of the clinic's is opened with: the body of `POST /v1/sessions`. */
export interface SessionRequest {
  readonly room: string;
  readonly capacity?: number;
  readonly waitingRoom?: boolean;
  readonly window?: { readonly opensAt: string; readonly closesAt: string };
  readonly consent?: { readonly version: string; readonly text: string };
  readonly inactivityLimitSeconds?: number;
}

/** Who can reach a server, and what it knows. */
interface Placement {
  readonly withKeys: boolean;
  readonly rooms?: RoomSettings;
  /** For pages and media; the loopback when absent. */
  readonly address?: string;
  readonly withStore?: boolean;
  /** Only where there is an address. */
  readonly mediaOverTcp?: boolean;
  readonly relaying?: Relaying;
}

/** How a server that speaks TLS itself relays media. */
export interface Relaying {
  readonly certificate: string;
  readonly key: string;
  /** Further settings, such as a section `[turn]`. */
  readonly settings: string;
  /** Addresses that media listens on beside the server's. */
  readonly moreAddresses?: readonly string[];
}

/** The real `quietroom` binary, on free ports of this machine. */
export class Server {
  /** Where the demo page is; join with a token by {@link Server.link}. */
  readonly origin: string;
  /** The link that the server printed; absent when it trusts the clinic's keys. */
  readonly printedLink: string | undefined;
  /** Where media goes to, of a server with one worker; only with {@link Server.startAt}. */
  readonly mediaPort: number;
  /** Both output streams, as they came. */
  readonly output: string[];
  #process: ChildProcess;
  readonly #folder: string;
  #apiKey: string | undefined;

  private constructor(
    origin: string,
    printedLink: string | undefined,
    mediaPort: number,
    output: string[],
    process: ChildProcess,
    folder: string,
  ) {
    this.origin = origin;
    this.printedLink = printedLink;
    this.mediaPort = mediaPort;
    this.output = output;
    this.#process = process;
    this.#folder = folder;
  }

  /** As a person tries it out: no keys, one link. */
  static start(): Promise<Server> {
    return Server.#start({ withKeys: false });
  }

  /** As a clinic runs it: the server knows a public key, and tokens come from {@link Server.token}. */
  static startWithKeys(rooms: RoomSettings = {}): Promise<Server> {
    return Server.#start({ withKeys: true, rooms });
  }

  /** As a clinic runs it whose backend opens sessions: with a store, and the API. */
  static startWithSessions(): Promise<Server> {
    return Server.#start({ withKeys: true, withStore: true });
  }

  /** As {@link Server.startWithKeys}, for other machines: as if behind a proxy that speaks TLS. */
  static startAt(address: string, rooms: RoomSettings = {}, mediaOverTcp = false): Promise<Server> {
    return Server.#start({ withKeys: true, rooms, address, mediaOverTcp });
  }

  /** As {@link Server.startAt}, at port 443 with TLS of its own. */
  static startRelaying(address: string, relaying: Relaying): Promise<Server> {
    return Server.#start({ withKeys: true, address, relaying, rooms: { capacity: 3 } });
  }

  static async #start(placement: Placement): Promise<Server> {
    const {
      withKeys,
      rooms = {},
      address,
      withStore = false,
      mediaOverTcp = false,
      relaying,
    } = placement;
    const folder = await mkdtemp(join(tmpdir(), 'quietroom-server-'));
    const output: string[] = [];
    let process: ChildProcess | undefined;
    try {
      const port = relaying === undefined ? await freePort() : 443;
      // A free port for TCP is mostly one for UDP too.
      const mediaPort = address === undefined ? 0 : await freePort();
      const origin =
        relaying === undefined
          ? `http://${address ?? 'localhost'}:${port}`
          : `https://${address ?? ''}`;
      const host = relaying === undefined ? (address ?? '127.0.0.1') : '[::]';
      const config = [`[http]`, `listen = "${host}:${port}"`];
      if (relaying !== undefined) {
        const { certificate, key } = relaying;
        config.push('[http.tls]', `certificate = "${certificate}"`, `key = "${key}"`);
      } else if (address !== undefined) config.push(`behind_tls_proxy = true`);
      config.push(`[media]`, `port = ${mediaPort}`);
      if (address !== undefined) {
        const addresses = [address, ...(relaying?.moreAddresses ?? [])];
        config.push(`addresses = ${JSON.stringify(addresses)}`, `workers = 1`);
      }
      if (mediaOverTcp && address !== undefined) {
        // Chromium looks for TCP last, and no more once a relay works.
        config.push(`tcp_announced = ["${address}:${port}"]`, `[turn]`, `enabled = false`);
      }
      const metrics = address === undefined ? '' : `127.0.0.1:${METRICS_PORT}`;
      config.push(`[metrics]`, `listen = "${metrics}"`);
      config.push(`[rooms]`);
      const { encryption, capacity } = rooms;
      if (encryption !== undefined) config.push(`encryption = "${encryption}"`);
      if (capacity !== undefined) config.push(`capacity = ${capacity}`);
      if (withKeys) {
        await mint(folder, 'nobody', 'client');
        config.push(`[access]`, `jwks = ${JSON.stringify(join(folder, 'key.jwks.json'))}`);
      }
      if (withStore) {
        const path = (name: string): string => JSON.stringify(join(folder, name));
        config.push(`[store]`, `path = ${path('store')}`, `key_file = ${path('store-key')}`);
      }
      if (relaying !== undefined) config.push(relaying.settings);
      await writeFile(configFile(folder), `${config.join('\n')}\n`);
      if (withStore) await run(['store-key', 'create', join(folder, 'store-key')]);
      process = launch(folder, output);
      const running = process;
      const ended = new Promise<never>((_, reject) => {
        running.once('error', reject);
        running.once('exit', (code, signal) => {
          reject(new Error(`the server ended (${code ?? signal ?? 'no reason'})`));
        });
      });
      ended.catch(() => undefined);
      const ready = withKeys ? healthy(origin, relaying === undefined) : linkIn(output);
      const link = await Promise.race([ready, ended]);
      return new Server(origin, link, mediaPort, output, running, folder);
    } catch (error) {
      process?.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
      throw new Error(`the server did not start; it said:\n${output.join('')}`, { cause: error });
    }
  }

  /** A token of the clinic's for `room`, by more of the command's `options`; only with {@link Server.startWithKeys}. */
  token(room: string, role: Role = 'client', options: readonly string[] = []): Promise<string> {
    return mint(this.#folder, room, role, 'key', options);
  }

  /** A figure that the server gives; only with {@link Server.startAt}. */
  async figure(name: string): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text();
    const line = page.split('\n').find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`no figure ${name}`);
    return Number(line.slice(name.length));
  }

  /** Opens a session by the API; only with {@link Server.startWithSessions}. */
  async openSession(session: SessionRequest): Promise<void> {
    const create = ['api-key', 'create', '--config', configFile(this.#folder), '--name', 'tests'];
    this.#apiKey ??= (await run([...create, '--scope', 'sessions:write'])).trim();
    const answer = await fetch(`${this.origin}/v1/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(session),
    });
    if (!answer.ok) throw new Error(`no session: ${await answer.text()}`);
  }

  /** Leads into the room at once, past the green room. */
  link(token: string): string {
    return `${this.origin}/#token=${token}&green-room=skip`;
  }

  /** Kills the server without a word, and starts it again on the same port after `pauseMs`. */
  async crash(pauseMs = 0): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
    await pause(pauseMs);
    this.#process = launch(this.#folder, this.output);
    await healthy(this.origin);
  }

  /**
   * Keeps the processor from the server, `awayMs` at a time with as long between,
   * as on a busy machine, until `work` is done.
   */
  async heldUp<T>(awayMs: number, work: () => Promise<T>): Promise<T> {
    const until = new AbortController();
    const turns = (async (): Promise<void> => {
      while (!until.signal.aborted) {
        this.#process.kill('SIGSTOP');
        await pause(awayMs);
        this.#process.kill('SIGCONT');
        await pause(awayMs);
      }
    })();
    try {
      return await work();
    } finally {
      until.abort();
      await turns;
    }
  }

  /** Ends the server as an operator does; resolves with its exit code. Safe to call twice. */
  async stop(): Promise<number | null> {
    const process = this.#process;
    if (process.exitCode === null && process.signalCode === null) {
      const ended = new Promise((resolve) => process.once('exit', resolve));
      const impatience = setTimeout(() => process.kill('SIGKILL'), STOP_MS);
      process.kill('SIGTERM');
      await ended;
      clearTimeout(impatience);
    }
    await rm(this.#folder, { recursive: true, force: true });
    return process.exitCode;
  }
}

/** Starts the server with the settings in `folder`. */
export function launch(folder: string, output: string[]): ChildProcess {
  const launched = spawn(BINARY, ['serve', '--config', configFile(folder)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [launched.stdout, launched.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  return launched;
}

/** A token of the clinic's, whose keys are made in `folder` when they are not there. */
export async function mint(
  folder: string,
  room: string,
  role: Role,
  key = 'key',
  options: readonly string[] = [],
): Promise<string> {
  const file = join(folder, `${key}.pem`);
  return (await run(['token', '--room', room, '--role', role, '--key', file, ...options])).trim();
}

/** What a command of the binary prints. */
async function run(options: readonly string[]): Promise<string> {
  return (await promisify(execFile)(BINARY, options)).stdout;
}

function configFile(folder: string): string {
  return join(folder, 'quietroom.toml');
}

async function linkIn(output: readonly string[]): Promise<string> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    const link = /http:\/\/localhost:\d+\/#invitation=[\w-]+/.exec(output.join(''))?.[0];
    if (link !== undefined) return `${link}&green-room=skip`;
    await pause(20);
  }
  throw new Error(`no link within ${START_MS} ms`);
}

async function healthy(origin: string, isPlain = true): Promise<undefined> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    const isThere = isPlain
      ? fetch(`${origin}/healthz`).then(({ ok }) => ok)
      : accepts(new URL(origin).hostname, 443);
    if (await isThere.catch(() => false)) return undefined;
    await pause(20);
  }
  throw new Error(`not healthy within ${START_MS} ms`);
}

/** Whether somebody takes connections there. */
function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no free port'));
        else resolve(address.port);
      });
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function binary(): string {
  const named = process.env['QUIETROOM_BINARY'];
  const found = [named, ...['debug', 'release'].map((profile) => built(profile, 'quietroom'))].find(
    (path) => path !== undefined && existsSync(path),
  );
  if (found === undefined) throw new Error('no quietroom binary: run `cargo build` first');
  return found;
}

/** Where cargo puts a program. */
export function built(profile: string, name: string): string {
  return fileURLToPath(new URL(`../../../target/${profile}/${name}`, import.meta.url));
}

const BINARY = binary();
/** In a network namespace it is always free. */
const METRICS_PORT = 9464;
const START_MS = 20_000;
/** The server promises to be gone within five seconds. */
const STOP_MS = 6_000;
