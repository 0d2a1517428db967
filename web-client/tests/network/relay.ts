import { type ChildProcess, spawn } from 'node:child_process';

import { built } from '../browser/server';

/** What a {@link Relay} does to packets, each way; they keep their order. */
export interface Impairment {
  readonly delayMs: number;
  readonly jitterMs?: number;
  /** A share of 1, and how many packets in a row at a time. */
  readonly loss?: number;
  readonly burst?: number;
  readonly seed?: number;
}

/** The load test's link simulator on the way to the server. */
export class Relay {
  /** Where it takes packets for the server. */
  readonly address: string;
  readonly #process: ChildProcess;

  private constructor(address: string, process: ChildProcess) {
    this.address = address;
    this.#process = process;
  }

  static async start(listen: string, to: string, impairment: Impairment): Promise<Relay> {
    const { delayMs, jitterMs = 0, loss = 0, burst = 1, seed = 1 } = impairment;
    const process = spawn(
      built('debug', 'loadtest'),
      [
        ['link', '--listen', `${listen}:0`, '--to', to, '--seed', String(seed)],
        ['--delay', `${delayMs}ms`, '--jitter', `${jitterMs}ms`],
        ['--loss', String(loss), '--burst', String(burst)],
      ].flat(),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const address = await new Promise<string>((resolve, reject) => {
      process.stdout.setEncoding('utf8').once('data', (line: string) => {
        resolve(line.trim());
      });
      process.once('error', reject);
      process.once('exit', (code) => {
        reject(new Error(`the relay ended (${code ?? 'killed'})`));
      });
    });
    return new Relay(address, process);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
