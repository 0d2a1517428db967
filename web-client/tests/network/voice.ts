import { writeWave } from '../browser/tone';

/**
 * Writes what Chromium's fake microphone reads: syllables of a voice, a pulse
 * train through the resonances of a vocal tract, with pauses. Unlike for a
 * tone, Opus chooses its coder for speech, which can carry redundancy.
 */
export async function writeVoice(path: string, pitch: number): Promise<void> {
  const samples = new Int16Array(SAMPLE_RATE * LOOP_SECONDS);
  const resonators = [0, 1, 2].map(() => new Resonator());
  let phase = 0;
  for (let index = 0; index < samples.length; index += 1) {
    const seconds = index / SAMPLE_RATE;
    const syllable = Math.floor(seconds / SYLLABLE_SECONDS);
    const place = seconds / SYLLABLE_SECONDS - syllable;
    const loudness = syllable % 7 === 6 ? 0 : Math.sin(Math.PI * place) ** 0.7;
    phase += (pitch * (1 + 0.15 * Math.sin(2.1 * seconds + syllable))) / SAMPLE_RATE;
    const pulse = phase >= 1 ? 1 : 0;
    phase -= pulse;
    const breath = 0.02 * (2 * noise(index) - 1);
    const formants = VOWELS[syllable % VOWELS.length] ?? [];
    let sound = loudness * (pulse + breath);
    resonators.forEach((resonator, at) => {
      sound = resonator.pass(sound, formants[at] ?? 1_000, 60 + 40 * at);
    });
    samples[index] = Math.max(-32_767, Math.min(32_767, Math.round(sound * GAIN)));
  }
  await writeWave(path, samples);
}

/** A resonance of the vocal tract: a filter of two poles with a gain of 1 at 0 Hz. */
class Resonator {
  #last = 0;
  #before = 0;

  pass(sound: number, frequency: number, bandwidth: number): number {
    const radius = Math.exp((-Math.PI * bandwidth) / SAMPLE_RATE);
    const turn = 2 * radius * Math.cos((2 * Math.PI * frequency) / SAMPLE_RATE);
    const gain = 1 - turn + radius ** 2;
    const out = gain * sound + turn * this.#last - radius ** 2 * this.#before;
    [this.#last, this.#before] = [out, this.#last];
    return out;
  }
}

/** From 0 to 1, the same for the same index. */
function noise(index: number): number {
  const value = Math.sin(index * 12.9898) * 43_758.5453;
  return value - Math.floor(value);
}

const SAMPLE_RATE = 48_000;
const LOOP_SECONDS = 7;
const SYLLABLE_SECONDS = 0.2;
/** The first three resonances of five vowels, in Hz. */
const VOWELS = [
  [700, 1_220, 2_600],
  [300, 2_200, 3_000],
  [500, 1_800, 2_500],
  [450, 850, 2_400],
  [350, 700, 2_300],
];
const GAIN = 1_200_000;
