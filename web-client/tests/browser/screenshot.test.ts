import { expect, test } from 'vitest';

import { Gathering } from './gathering';
import { BLUE, GREEN, type Person, RED } from './participant';
import { portrait } from './picture';

const path = process.env['QUIETROOM_SCREENSHOT'];

/** Figures before soft colours, for the picture in the README. */
const SITTERS: readonly Person[] = [
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

test.runIf(path !== undefined)('takes the picture of a session', async () => {
  const gathering = Gathering.byTokens();
  gathering.explainFailure();
  try {
    const sitters = await gathering.start(SITTERS, { width: 1280, height: 720, frames: 8 });
    const { server } = gathering;
    for (const [place, sitter] of sitters.entries()) {
      const token = await server.token('picture', place === 1 ? 'host' : 'client');
      await sitter.open(server.link(token));
    }
    await Promise.all(sitters.map((sitter) => sitter.meets(2)));
    const [photographer] = sitters;
    // The picture sharpens while the sender's estimate of the network grows.
    await photographer?.page.waitForTimeout(8_000);
    await photographer?.page.screenshot({ path: path ?? '' });
    expect(await photographer?.ids()).toHaveLength(2);
  } finally {
    await gathering.close();
  }
});
