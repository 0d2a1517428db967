import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { Codec } from './recording';

/** What FFmpeg made of a stream's frames. */
export interface Decoded {
  /** Of each picture 16 x 16 pixels of red, green and blue. */
  readonly pictures: readonly Buffer[];
  /** Mono, at {@link SOUND_RATE}. */
  readonly sound: Int16Array;
}

/** Plain frames, in base64, as a hostile server could make them up. */
export interface PlainFrames {
  /** A key frame. */
  readonly vp8: readonly string[];
  /** Of 20 ms each, two seconds together. */
  readonly opus: readonly string[];
}

/** Feeds each stream's frames to FFmpeg's decoder of its codec; what does not decode is passed over. */
export async function decode(
  streams: readonly { readonly codec: Codec; readonly frames: readonly Buffer[] }[],
): Promise<Decoded[]> {
  const lines = streams.map(({ codec, frames }) =>
    JSON.stringify({ codec, frames: frames.map((frame) => frame.toString('base64')) }),
  );
  const output = await run(['decode'], `${lines.join('\n')}\n`);
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const { pictures = [], sound = '' } = JSON.parse(line) as {
        pictures?: string[];
        sound?: string;
      };
      const bytes = Uint8Array.from(Buffer.from(sound, 'base64'));
      return {
        pictures: pictures.map((picture) => Buffer.from(picture, 'base64')),
        sound: new Int16Array(bytes.buffer),
      };
    });
}

/** A picture of one colour and a tone of `frequency` Hz. */
export async function plainFrames(
  colour: readonly [number, number, number],
  frequency: number,
): Promise<PlainFrames> {
  return JSON.parse(
    await run(['encode', ...[...colour, frequency].map(String)], ''),
  ) as PlainFrames;
}

function run(options: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const python = spawn('python3', [SCRIPT, ...options], {
      env: { ...process.env, PYTHONPATH: PYAV },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    python.stdout.on('data', (part: Buffer) => output.push(part));
    python.stderr.on('data', (part: Buffer) => errors.push(part));
    python.once('error', reject);
    python.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString('utf8'));
      else reject(new Error(`FFmpeg could not be run:\n${Buffer.concat(errors).toString('utf8')}`));
    });
    python.stdin.on('error', () => undefined);
    python.stdin.end(input);
  });
}

export const SOUND_RATE = 48_000;
const SCRIPT = fileURLToPath(new URL('frames.py', import.meta.url));
/** PyAV, which brings FFmpeg; `make ffmpeg` puts it there. */
const PYAV = fileURLToPath(new URL('../../../target/tools/av', import.meta.url));
