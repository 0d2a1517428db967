import { BLUE, GREEN, type Person, RED } from './participant';
import { portrait } from './picture';

/** Figures before soft colours, for pictures that people look at. */
export const SITTERS: readonly [Person, Person, Person] = [
  {
    ...RED,
    painter: portrait({
      wall: [96, 122, 134],
      light: [226, 216, 196],
      clothes: [84, 110, 140],
      skin: [224, 182, 156],
      hair: [124, 122, 120],
      hairLength: 0.2,
    }),
  },
  {
    ...GREEN,
    painter: portrait({
      wall: [122, 134, 112],
      light: [236, 226, 204],
      clothes: [156, 104, 90],
      skin: [146, 98, 74],
      hair: [44, 34, 32],
      hairLength: 0.34,
    }),
  },
  {
    ...BLUE,
    painter: portrait({
      wall: [132, 118, 130],
      light: [232, 214, 206],
      clothes: [92, 116, 104],
      skin: [206, 158, 126],
      hair: [92, 60, 42],
      hairLength: 0.24,
    }),
  },
];

/** What their cameras give. */
export const PORTRAIT_SIZE = { width: 1280, height: 720, frames: 8 };
