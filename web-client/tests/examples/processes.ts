import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const REPOSITORY = join(import.meta.dirname, '../../..');

/** Programs that tests start, and what they said. */
export class Processes {
  readonly output: string[] = [];
  readonly #running: ChildProcess[] = [];

  /** Starts one in a group of its own, so that what it starts ends with it. */
  start(command: readonly [string, ...string[]], environment: Record<string, string> = {}): void {
    const [program, ...options] = command;
    const started = spawn(program, options, {
      cwd: REPOSITORY,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.output.push(text));
    }
    started.on('error', (error) => this.output.push(`${program}: ${error.message}\n`));
    this.#running.push(started);
  }

  /** Resolves when there is an answer at `url`, and fails after `patienceMs`. */
  async answering(url: string, patienceMs = 15_000): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok === true) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`nothing at ${url}:\n${this.output.join('')}`);
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#running.splice(0).map(async (one) => {
        if (one.pid === undefined || one.exitCode !== null) return;
        const ended = new Promise((resolve) => one.once('close', resolve));
        process.kill(-one.pid, 'SIGTERM');
        await ended;
      }),
    );
  }
}

/** The example in PHP with its library, which is a stand-in where there is none. */
export function phpExample(folder: string): string {
  const installed = join(REPOSITORY, 'examples/php/vendor/autoload.php');
  const library = existsSync(installed) ? installed : join(import.meta.dirname, 'php-jwt.php');
  mkdirSync(join(folder, 'vendor'), { recursive: true });
  writeFileSync(
    join(folder, 'vendor/autoload.php'),
    `<?php\nrequire ${JSON.stringify(library)};\n`,
  );
  const script = join(folder, 'server.php');
  copyFileSync(join(REPOSITORY, 'examples/php/server.php'), script);
  return script;
}
