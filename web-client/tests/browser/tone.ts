import { writeFile } from 'node:fs/promises';

/** What Chromium's fake microphone reads: 16-bit mono PCM in a RIFF/WAVE file. */
export interface Tone {
  /** Hz. Stay clear of other tones' multiples, so that no one's overtone passes for somebody else. */
  readonly frequency: number;
  /** How much of each loop of three seconds it sounds, in seconds from its start; all of it when absent. */
  readonly turn?: number;
}

/**
 * Writes a tone in bursts of the length of syllables.
 *
 * A burst ends in silence, so the file loops without a click; a click sounds
 * at every frequency, other people's included. Chromium's noise suppression
 * leaves such a tone alone (-22 dBFS still after 12 s).
 */
export async function writeTone(path: string, tone: Tone): Promise<void> {
  const samples = new Int16Array(SAMPLE_RATE * LOOP_SECONDS);
  for (let index = 0; index < samples.length; index += 1) {
    const seconds = index / SAMPLE_RATE;
    const wave = Math.sin(2 * Math.PI * tone.frequency * seconds);
    const loudness = seconds < (tone.turn ?? LOOP_SECONDS) ? burst(seconds) : 0;
    samples[index] = Math.round(AMPLITUDE * loudness * wave);
  }
  await writeWave(path, samples);
}

/** Writes one channel of 48,000 samples a second. */
export async function writeWave(path: string, samples: Int16Array): Promise<void> {
  await writeFile(path, wave(samples));
}

/** The loudness of a burst, 0 to 1: rises and falls smoothly. */
function burst(seconds: number): number {
  const phase = (seconds % BURST_PERIOD_SECONDS) / BURST_PERIOD_SECONDS;
  return phase < BURST_SHARE ? Math.sin((Math.PI * phase) / BURST_SHARE) ** 2 : 0;
}

function wave(samples: Int16Array): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'ascii');
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8, 'ascii');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'ascii');
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

const SAMPLE_RATE = 48_000;
const LOOP_SECONDS = 3;
const AMPLITUDE = 0.5 * 32_767;
const BURST_PERIOD_SECONDS = 0.3;
const BURST_SHARE = 0.6;
