import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A TURN server that is not ours, which takes credentials by a secret that it shares. */
export class Coturn {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(address: string, secret: string): Promise<Coturn> {
    const folder = await mkdtemp(join(tmpdir(), 'quietroom-coturn-'));
    const listens = ['-n', '--listening-ip', address, '--relay-ip', address];
    const plain = ['--listening-port', `${PORT}`, '--no-tls', '--no-dtls', '--no-cli'];
    const shared = ['--use-auth-secret', '--static-auth-secret', secret, '--realm', 'outside'];
    const files = ['--log-file', 'stdout', '--simple-log', '--pidfile', join(folder, 'pid')];
    const running = spawn(TURNSERVER, [...listens, ...plain, ...shared, ...files], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ready = new Promise<void>((resolve, reject) => {
      running.once('error', reject);
      running.once('exit', () => {
        reject(new Error('coturn ended'));
      });
      let said = '';
      running.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Total General servers')) resolve();
      });
    });
    await ready;
    return new Coturn(`turn:${address}:${PORT}?transport=udp`, running, folder);
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const TURNSERVER = process.env['TURNSERVER'] ?? '/usr/bin/turnserver';
const PORT = 3479;
