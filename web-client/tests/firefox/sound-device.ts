import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Loudspeakers that nobody hears: without any, Firefox neither plays nor mixes sound. */
export class SoundDevice {
  /** For `PULSE_SERVER`. */
  readonly address: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(address: string, process: ChildProcess, folder: string) {
    this.address = address;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(): Promise<SoundDevice> {
    const folder = await mkdtemp(join(tmpdir(), 'quietroom-sound-'));
    const socket = join(folder, 'native');
    const output: string[] = [];
    const process_ = spawn(
      PULSEAUDIO,
      [
        ['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--realtime=no'],
        ['--load=module-null-sink rate=48000 sink_name=nowhere'],
        [`--load=module-native-protocol-unix auth-anonymous=1 socket=${socket}`],
      ].flat(),
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder },
      },
    );
    process_.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
    process_.once('error', (error) => output.push(String(error)));
    const device = new SoundDevice(`unix:${socket}`, process_, folder);
    const deadline = Date.now() + START_MS;
    while (!existsSync(socket)) {
      if (Date.now() > deadline) {
        await device.stop();
        throw new Error(`no sound device within ${START_MS} ms: ${output.join('')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return device;
  }

  /** Safe to call twice. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const PULSEAUDIO = process.env['PULSEAUDIO'] ?? '/usr/bin/pulseaudio';
const START_MS = 10_000;
