import { expect, test } from 'vitest';

import { Gathering } from './gathering.js';
import { BLUE, GREEN, type Person, RED } from './participant.js';
import { portrait } from './picture.js';

const path = process.env['QUIETROOM_SCREENSHOT'];

/** Figures before soft colours, for the picture in the README. */
const SITTERS: readonly Person[] = [
  { ...RED, painter: portrait([96, 122, 134], [226, 216, 196], [84, 110, 140]) },
  { ...GREEN, painter: portrait([122, 134, 112], [236, 226, 204], [148, 108, 96]) },
  { ...BLUE, painter: portrait([132, 118, 130], [232, 214, 206], [92, 116, 104]) },
];

test.runIf(path !== undefined)('takes the picture of a session', async () => {
  const gathering = await Gathering.byPrintedLink();
  gathering.explainFailure();
  try {
    const sitters = await gathering.invite(SITTERS, { width: 1280, height: 720, frames: 8 });
    for (const sitter of sitters) await sitter.open(gathering.server.printedLink ?? '');
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
