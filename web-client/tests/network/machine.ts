import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { CHROMIUM, type OtherBrowser } from '../browser/participant';

/** The server's machine, by the address that all others reach it at. */
export const SERVER = '10.9.0.1';

/**
 * Another machine: a network namespace with cables to this one, in which a
 * browser can run. Cable 1 has the addresses 10.9.1.1 here and 10.9.1.2 there,
 * and so on.
 */
export class Machine {
  readonly #holder: ChildProcess;
  readonly #folder: string;
  readonly #name: string;
  /** What carries the ports that were opened. */
  readonly #carriers: ChildProcess[] = [];
  readonly #openPorts: TcpServer[] = [];
  /** This side's names of what was plugged in. */
  readonly #plugged: string[] = [];

  private constructor(holder: ChildProcess, folder: string, name: string) {
    this.#holder = holder;
    this.#folder = folder;
    this.#name = name;
  }

  /** Has no cables at first. `name` is short: it begins the names of its cables here. */
  static async make(name: string): Promise<Machine> {
    const folder = await mkdtemp(join(tmpdir(), `quietroom-${name}-`));
    const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
    const machine = new Machine(holder, folder, name);
    await machine.#isApart();
    await machine.run('ip', 'link', 'set', 'lo', 'up');
    return machine;
  }

  /** A program that starts `browser` there. */
  async program(browser: string): Promise<string> {
    const path = join(this.#folder, basename(browser));
    const script = `#!/bin/sh\nexec nsenter --net=/proc/${this.#pid}/ns/net ${browser} "$@"\n`;
    await writeFile(path, script);
    await chmod(path, 0o755);
    return path;
  }

  /** For {@link Participant.start}: there, with the server's pages trusted as if they came by TLS. */
  async surroundings(origin: string): Promise<OtherBrowser> {
    return { program: await this.program(CHROMIUM), ...trusting(origin) };
  }

  /**
   * From now on a port of this side's loopback leads to the same one of the
   * machine's, and not over a cable.
   */
  async openPort(port: number): Promise<void> {
    const path = join(this.#folder, `port-${port}`);
    const inside = [`--net=/proc/${this.#pid}/ns/net`, process.execPath, '-e', CARRY, path];
    this.#carriers.push(spawn('nsenter', [...inside, `${port}`], { stdio: 'ignore' }));
    const here = createServer((near) => {
      const far = connect(path);
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    this.#openPorts.push(here);
    await new Promise<void>((resolve, reject) => {
      here.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  }

  /** Plugs a cable in, whose both ends are up. The machine has no address on it yet. */
  async plug(cable: number): Promise<void> {
    const [here, there] = [this.cable(cable), `cable${cable}`];
    const peer = ['peer', 'name', there, 'netns', `${this.#pid}`];
    await ip('link', 'add', here, 'type', 'veth', ...peer);
    this.#plugged.push(here);
    await ip('address', 'add', `10.9.${cable}.1/24`, 'dev', here);
    await ip('link', 'set', here, 'up');
    await this.run('ip', 'link', 'set', there, 'up');
  }

  /** Plugs a cable in, and the machine has its address on it. */
  async plugIn(cable: number): Promise<void> {
    await this.plug(cable);
    await this.connect(cable);
  }

  /** The machine gets its address on a cable, and reaches all else by it unless another is preferred. */
  async connect(cable: number): Promise<void> {
    await this.run('ip', 'address', 'add', `10.9.${cable}.2/24`, 'dev', `cable${cable}`);
    const route = ['default', 'via', `10.9.${cable}.1`, 'metric', `${cable}`];
    await this.run('ip', 'route', 'add', ...route);
  }

  /** The machine loses its address on a cable. */
  async disconnect(cable: number): Promise<void> {
    await this.run('ip', 'address', 'flush', 'dev', `cable${cable}`);
  }

  /** Lets a cable take no more than so many kbit/s each way, with a queue of 300 ms; or all again. */
  async limit(cable: number, kilobits: number | undefined): Promise<void> {
    const rule = (device: string): string[] =>
      kilobits === undefined
        ? ['qdisc', 'del', 'dev', device, 'root']
        : ['qdisc', 'replace', 'dev', device, 'root', 'tbf']
            .concat(['rate', `${kilobits}kbit`])
            .concat(['burst', '4kb', 'latency', '300ms']);
    await execute('tc', rule(this.cable(cable)));
    await this.run('tc', ...rule(`cable${cable}`));
  }

  /** This side's name of a cable. */
  cable(cable: number): string {
    return `${this.#name}${cable}`;
  }

  /** Runs a command there, and gives what it prints. */
  async run(...command: string[]): Promise<string> {
    return (await execute('nsenter', [`--net=/proc/${this.#pid}/ns/net`, ...command])).stdout;
  }

  /** Ends it, with its cables; browsers there must be closed before. */
  async remove(): Promise<void> {
    // The kernel keeps a namespace as long as a connection in it waits for its
    // end, and whoever comes next has the same addresses.
    for (const cable of this.#plugged) await ip('link', 'delete', cable);
    for (const port of this.#openPorts) port.close();
    for (const process of [...this.#carriers, this.#holder]) process.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #pid(): number {
    if (this.#holder.pid === undefined) throw new Error('the namespace did not come to be');
    return this.#holder.pid;
  }

  /** A process has its parent's namespace for a moment. */
  async #isApart(): Promise<void> {
    const ours = await readlink('/proc/self/ns/net');
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await readlink(`/proc/${this.#pid}/ns/net`)) !== ours) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('no namespace within 2 s');
  }
}

/** For {@link Participant.start}: the server's pages are trusted as if they came by TLS. */
export function trusting(origin: string): OtherBrowser {
  return { flags: [`--unsafely-treat-insecure-origin-as-secure=${origin}`] };
}

async function ip(...parameters: string[]): Promise<void> {
  await execute('ip', parameters);
}

const execute = promisify(execFile);
/** What runs on the machine for an open port: takes from a path, which all machines share, and gives to the port. */
const CARRY = `
const { connect, createServer } = require('node:net');
const [path, port] = process.argv.slice(1);
createServer((near) => {
  const far = connect(Number(port), '127.0.0.1');
  near.pipe(far).pipe(near);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
}).listen(path);`;
