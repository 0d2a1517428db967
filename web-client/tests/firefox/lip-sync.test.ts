import { afterAll, beforeAll, beforeEach, describe, onTestFailed, test } from 'vitest';

import { keepConnections } from '../browser/connections';
import { playFlashAndBeep } from '../browser/flash-and-beep';
import { areTogether, perceptionScript } from '../browser/lips';
import { Participant, RED } from '../browser/participant';
import { Server } from '../browser/server';
import { FirefoxParticipant } from './firefox';
import { SoundDevice } from './sound-device';

describe('flashes and beeps of the same moments are seen and heard together', () => {
  let server: Server | undefined;
  let sound: SoundDevice | undefined;
  let chromium: Participant | undefined;
  let firefox: FirefoxParticipant | undefined;

  beforeAll(async () => {
    server = await Server.startWithKeys({ capacity: 3 });
    sound = await SoundDevice.start();
    chromium = await Participant.start(RED, { width: 320, height: 180, frames: 15 });
    await chromium.prepare(keepConnections);
    firefox = await FirefoxParticipant.start({ sound });
    await chromium.page.addInitScript(perceptionScript());
    await firefox.page.evaluateOnNewDocument(perceptionScript());
    for (const participant of [chromium, firefox]) {
      await participant.prepare(playFlashAndBeep);
      await participant.open(server.link(await server.token('lips')));
    }
    await Promise.all([chromium.meets(1), firefox.meets(1)]);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server?.output.join('') ?? ''}`);
      console.error(`Chromium:\n${chromium?.console.join('\n') ?? ''}`);
      console.error(`Firefox:\n${firefox?.console.join('\n') ?? ''}`);
    });
  });

  afterAll(async () => {
    await Promise.allSettled([chromium?.close(), firefox?.close()]);
    await sound?.stop();
    await server?.stop();
  });

  test('in Firefox, from Chromium', async () => {
    // A machine that does other things makes sound wait at first, and Firefox makes up
    // for it by some 50 ms a second, when it is left to.
    await areTogether(firefox!, 'in Firefox', { looks: 12 });
  }, 90_000);

  test('in Chromium, from Firefox', async () => {
    // What it paints and plays at once, Firefox sends with clocks that are some 50 to 100 ms apart.
    await areTogether(chromium!, 'from Firefox', { hasExactClocks: false });
  });
});
