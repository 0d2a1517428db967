import { expect, test } from 'vitest';

import { Gathering } from './gathering';
import { PORTRAIT_SIZE, SITTERS } from './sitters';

const path = process.env['QUIETROOM_SCREENSHOT'];

test.runIf(path !== undefined)('takes the picture of a session', async () => {
  const gathering = Gathering.byTokens();
  gathering.explainFailure();
  try {
    const sitters = await gathering.start(SITTERS, PORTRAIT_SIZE);
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
