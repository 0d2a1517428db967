import { PEOPLE, type Person } from '../browser/participant';
import type { Colour, Painter } from '../browser/picture';
import { type Decoded, SOUND_RATE } from './ffmpeg';

/** A picture to be known again: the person's colour in the middle, and four others in the corners. */
export function emblem(colour: Colour): Painter {
  return (x, y, turn) => {
    const isMiddle = Math.abs(x - 0.5) < 0.2 && Math.abs(y - 0.5) < 0.2;
    if (isMiddle) return colour;
    // No two frames are equal.
    if (Math.abs(y - 0.5) < 0.03 && Math.abs(x - turn) < 0.1) return [30, 30, 30];
    return CORNERS[(x < 0.5 ? 0 : 1) + (y < 0.5 ? 0 : 2)] ?? colour;
  };
}

/** Whose {@link emblem} is on one picture at least, and whose tone sounds for half a second at least. */
export function whoIsIn(decoded: readonly Decoded[]): { seen: string[]; heard: string[] } {
  const names = (isIn: (person: Person, of: Decoded) => boolean): string[] =>
    PEOPLE.filter((person) => decoded.some((of) => isIn(person, of))).map(({ name }) => name);
  return {
    seen: names(({ colour }, { pictures }) =>
      pictures.some((picture) => shows(picture, emblem(colour))),
    ),
    heard: names(({ frequency }, { sound }) => tonalWindows(sound, frequency) >= HEARD_WINDOWS),
  };
}

function shows(picture: Buffer, paint: Painter): boolean {
  return PROBES.every(([column, row]) => {
    const wanted = paint((column + 0.5) / SIDE, (row + 0.5) / SIDE, -1);
    const at = 3 * (row * SIDE + column);
    return wanted.every((value, index) => Math.abs(value - (picture[at + index] ?? 0)) < TOLERANCE);
  });
}

/** In how many windows most of the power is at `frequency` (Goertzel's algorithm). */
function tonalWindows(sound: Int16Array, frequency: number): number {
  let count = 0;
  const turn = 2 * Math.cos((2 * Math.PI * frequency) / SOUND_RATE);
  for (let start = 0; start + WINDOW <= sound.length; start += WINDOW) {
    let power = 0;
    let last = 0;
    let before = 0;
    for (const sample of sound.subarray(start, start + WINDOW)) {
      power += sample ** 2;
      [last, before] = [sample + turn * last - before, last];
    }
    const tone = (last ** 2 + before ** 2 - turn * last * before) / (WINDOW / 2);
    if (power > WINDOW * AUDIBLE ** 2 && tone > power / 2) count += 1;
  }
  return count;
}

const CORNERS: readonly Colour[] = [
  [225, 225, 225],
  [25, 25, 25],
  [200, 120, 30],
  [30, 160, 160],
];
/** Pixels of a decoded picture's side. */
const SIDE = 16;
/** The middle and the corners. */
const PROBES: readonly (readonly [column: number, row: number])[] = [
  [7, 7],
  [8, 8],
  [1, 1],
  [14, 1],
  [1, 14],
  [14, 14],
];
/** Of 255; as for the pictures that browsers show. */
const TOLERANCE = 40;
/** Samples: 50 ms, which tells tones 20 Hz apart. */
const WINDOW = SOUND_RATE / 20;
const HEARD_WINDOWS = 10;
/** Of 32,767. */
const AUDIBLE = 100;
