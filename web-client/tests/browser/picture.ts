import { open } from 'node:fs/promises';

/** Red, green, blue, each 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** The colour at a place of a moving picture; `x` and `y` run from 0 to 1, `turn` from 0 to 1 once a loop. */
export type Painter = (x: number, y: number, turn: number) => Colour;

export interface PictureSize {
  readonly width: number;
  readonly height: number;
  /** Frames in the loop. */
  readonly frames: number;
}

/**
 * Writes what Chromium's fake camera reads: a YUV4MPEG2 file with 4:2:0
 * subsampling, played in a loop at 15 frames a second.
 */
export async function writePicture(path: string, size: PictureSize, paint: Painter): Promise<void> {
  const file = await open(path, 'w');
  try {
    const rate = String(FRAMES_A_SECOND);
    await file.write(
      `YUV4MPEG2 W${String(size.width)} H${String(size.height)} F${rate}:1 Ip A1:1 C420jpeg\n`,
    );
    for (let frame = 0; frame < size.frames; frame += 1) {
      await file.write('FRAME\n');
      await file.write(paintFrame(size, paint, frame / size.frames));
    }
  } finally {
    await file.close();
  }
}

/** One colour, with a dark band that wanders along the lower edge: no two frames are equal, and the middle is calm. */
export function plain(colour: Colour): Painter {
  return (x, y, turn) => (y > 0.85 && Math.abs(x - turn) < 0.1 ? [30, 30, 30] : colour);
}

/** One colour with a grain that changes with each frame: costs about as many bits as a camera's picture. */
export function lively(colour: Colour): Painter {
  return (x, y, turn) => {
    const place = Math.floor(x * GRAINS) * 374_761_393 + Math.floor(y * GRAINS) * 668_265_263;
    let hash = (place + Math.round(turn * 1_000) * 2_147_483) | 0;
    hash = Math.imul(hash ^ (hash >>> 13), 1_274_126_177);
    const grain = (((hash >>> 16) & 255) / 255 - 0.5) * GRAIN;
    return [colour[0] + grain, colour[1] + grain, colour[2] + grain];
  };
}

/** The colours of a {@link portrait}, and how far the hair reaches: 0.2 is short, 0.34 to the shoulders. */
export interface Sitter {
  readonly wall: Colour;
  readonly light: Colour;
  readonly clothes: Colour;
  readonly skin: Colour;
  readonly hair: Colour;
  readonly hairLength: number;
}

/** A seated figure before a soft, slowly drifting background. */
export function portrait(sitter: Sitter): Painter {
  const { wall, light, clothes, skin, hair, hairLength } = sitter;
  const shade: Colour = [40, 34, 38];
  return (x, y, turn) => {
    const sway = 0.008 * Math.sin(2 * Math.PI * turn);
    const across = (x - 0.5 - sway) * (16 / 9);
    const glow = Math.hypot(across + 0.5, y - 0.15 + sway);
    const locks = Math.hypot(across / 0.175, (y - 0.38) / (y < 0.38 ? 0.2 : hairLength));
    const neck = Math.max(Math.abs(across) / 0.072, Math.abs(y - 0.63) / 0.1);
    const shoulders = Math.hypot(across / 0.44, (y - 1.12) / 0.44);
    const head = Math.hypot(across / 0.15, (y - 0.43) / 0.2);
    const hairline = 0.3 + 3 * across ** 2;
    const face = mix(skin, shade, 0.3 * smooth(-0.15, 0.2, across));

    let colour = mix(light, wall, smooth(0.1, 1.15, glow));
    colour = mix(mix(hair, shade, 0.5 * smooth(0.2, 0.6, y)), colour, smooth(0.97, 1.03, locks));
    colour = mix(mix(face, shade, 0.2), colour, smooth(0.96, 1.04, neck));
    colour = mix(
      mix(clothes, shade, 0.3 * smooth(0.75, 1.1, y)),
      colour,
      smooth(0.98, 1.02, shoulders),
    );
    return mix(colour, mix(face, colour, smooth(0.97, 1.03, head)), smooth(0, 0.015, y - hairline));
  };
}

function paintFrame(size: PictureSize, paint: Painter, turn: number): Buffer {
  const { width, height } = size;
  const luma = Buffer.alloc(width * height);
  const blueness = Buffer.alloc((width * height) / 4);
  const redness = Buffer.alloc((width * height) / 4);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const [red, green, blue] = paint(column / width, row / height, turn);
      // BT.601, studio range: what Chromium takes a YUV4MPEG2 file for.
      luma[row * width + column] = Math.round(16 + 0.257 * red + 0.504 * green + 0.098 * blue);
      if (row % 2 === 0 && column % 2 === 0) {
        const at = (row / 2) * (width / 2) + column / 2;
        blueness[at] = Math.round(128 - 0.148 * red - 0.291 * green + 0.439 * blue);
        redness[at] = Math.round(128 + 0.439 * red - 0.368 * green - 0.071 * blue);
      }
    }
  }
  return Buffer.concat([luma, blueness, redness]);
}

function mix(from: Colour, to: Colour, share: number): Colour {
  return [
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
    from[2] + (to[2] - from[2]) * share,
  ];
}

function smooth(low: number, high: number, value: number): number {
  const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return share * share * (3 - 2 * share);
}

/** In a row and in a column. */
const GRAINS = 240;
/** From the darkest to the brightest, of 255. */
const GRAIN = 24;
const FRAMES_A_SECOND = 15;
