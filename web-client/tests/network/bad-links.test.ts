import { GREEN, Participant } from '../browser/participant';
import { BadLink, speaking, WINDOW } from './bad-link';
import { tryBadLinks } from './trials';

const SMALL = { width: 640, height: 360, frames: 8 };

const chromium = new BadLink('bad', async (machine, origin) => {
  const surroundings = await machine.surroundings(origin);
  const participant = await Participant.start(speaking(GREEN, 190), SMALL, surroundings);
  await participant.page.setViewportSize(WINDOW);
  return participant;
});

tryBadLinks(chromium, { missing: { down: 0.015, up: 0.015 } });
