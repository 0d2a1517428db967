import { afterAll } from 'vitest';

import { BadLink, WINDOW } from '../network/bad-link';
import { tryBadLinks } from '../network/trials';
import { speakBeforeACamera } from './devices';
import { FirefoxParticipant } from './firefox';
import { SoundDevice } from './sound-device';

let sound: SoundDevice | undefined;

afterAll(async () => {
  await sound?.stop();
});

const firefox = new BadLink('fox', async (machine) => {
  sound = await SoundDevice.start();
  const participant = await FirefoxParticipant.start({ machine, sound });
  await participant.page.setViewport(WINDOW);
  await speakBeforeACamera(participant, 190, { width: 640, height: 360 });
  return participant;
});

// Without redundancy: Firefox has none.
tryBadLinks(firefox, { missing: { down: 0.03, up: 0.015 } }, { isNarrowOnlyInLong: true });
