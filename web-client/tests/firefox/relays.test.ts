import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { GREEN, Participant } from '../browser/participant';
import { Server } from '../browser/server';
import { Authority } from '../network/authority';
import { SERVER } from '../network/machine';
import { linkBy, pathOf, restrictWays } from '../network/ways';
import { FirefoxParticipant } from './firefox';

let authority: Authority;
let server: Server;
let near: Participant;
let firefox: FirefoxParticipant;
/** What was started, in that order. */
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authority = await Authority.make([SERVER]);
  ends.push(() => authority.remove());
  const settings = '[turn]\nport = 3478';
  server = await Server.startRelaying(SERVER, { ...authority.server, settings });
  ends.push(() => server.stop());
  [near, firefox] = await Promise.all([
    Participant.start(GREEN, undefined, { home: authority.home }),
    FirefoxParticipant.start({ profile: authority.profile }),
  ]);
  ends.push(() => Promise.all([near.close(), firefox.close()]));
  await firefox.prepare(restrictWays);
  await near.open(server.link(await server.token('one')));
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

test.each(['straight', 'relay-udp', 'relay-tcp'] as const)(
  'Firefox gets through %s',
  async (way) => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}\npage:\n${firefox.console.join('\n')}`);
    });
    await firefox.open('about:blank');
    const link = server.link(await server.token('one'));
    await firefox.open(linkBy(way === 'straight' ? undefined : way, link));
    await Promise.all([firefox.meets(1), near.meets(1)]);

    await expect
      .poll(() => pathOf(firefox), { timeout: 5_000 })
      .toBe(way === 'straight' ? 'udp' : way);
    const timings = await firefox.evaluate(() => window.observer.timings());
    const connected = Math.round(timings?.marks['connected'] ?? Infinity);
    console.log(`Firefox, ${way}: connected after ${connected} ms`);
  },
);
