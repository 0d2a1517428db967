import { afterAll, beforeAll, beforeEach, describe, onTestFailed, test } from 'vitest';

import { keepConnections } from './connections';
import { playFlashAndBeep } from './flash-and-beep';
import { areTogether, perceptionScript } from './lips';
import { BLUE, GREEN, Participant, RED } from './participant';
import { Server } from './server';

describe('flashes and beeps of the same moments are seen and heard together', () => {
  let server: Server;
  let red: Participant;
  let green: Participant;
  let blue: Participant;

  beforeAll(async () => {
    server = await Server.startWithKeys({ capacity: 3 });
    const small = { width: 320, height: 180, frames: 15 };
    [red, green, blue] = await Promise.all([
      Participant.start(RED, small),
      Participant.start(GREEN, small),
      Participant.start(BLUE, small),
    ]);
    for (const { page } of [red, blue]) await page.addInitScript(playFlashAndBeep);
    await green.page.addInitScript(keepConnections);
    await green.page.addInitScript(perceptionScript());
    for (const participant of [green, red]) {
      await participant.open(server.link(await server.token('lips')));
    }
    await Promise.all([red.meets(1), green.meets(1)]);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}\n${green.console.join('\n')}`);
    });
  });

  afterAll(async () => {
    await Promise.allSettled([red, green, blue].map((participant) => participant.close()));
    await server.stop();
  });

  test('from the first seconds on', async () => {
    await areTogether(green, 'after the join');
  });

  test('in another layer of the picture', async () => {
    for (const layer of [0, 1]) {
      await limit(green, layer);
      await areTogether(green, `in layer ${layer}`);
    }
  });

  test('when somebody else takes the place', async () => {
    await red.close();
    await blue.open(server.link(await server.token('lips')));
    await Promise.all([blue.meets(1), green.meets(1)]);
    await areTogether(green, 'of a newcomer');
  });
});

/** Asks for no layer above this, however large the picture is. */
function limit(viewer: Participant, spatial: number): Promise<void> {
  return viewer.page.evaluate((highest) => {
    const [other] = document.querySelector('quiet-room')?.room?.participants ?? [];
    other?.videoTrack?.show({ width: 1920, height: 1080 });
    other?.videoTrack?.limitLayers({ spatial: highest });
  }, spatial);
}
