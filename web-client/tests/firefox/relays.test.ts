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
const times = new Map<string, number>();

beforeAll(async () => {
  authority = await Authority.make([SERVER]);
  const settings = '[turn]\nport = 3478';
  server = await Server.startRelaying(SERVER, { ...authority.server, settings });
  [near, firefox] = await Promise.all([
    Participant.start(GREEN, undefined, { home: authority.home }),
    FirefoxParticipant.start({ profile: authority.profile }),
  ]);
  await firefox.prepare(restrictWays);
  await near.open(server.link(await server.token('one')));
});

afterAll(async () => {
  await Promise.allSettled([near?.close(), firefox?.close()]);
  await server?.stop();
  await authority?.remove();
});

test.each(['straight', 'relay-udp', 'relay-tcp', 'relay-tls'] as const)(
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
    times.set(way, timings?.marks['connected'] ?? Infinity);
    console.log(`Firefox, ${way}: connected after ${Math.round(times.get(way) ?? 0)} ms`);
  },
);

test('and joins over TLS hardly later than straight', () => {
  const later = (times.get('relay-tls') ?? Infinity) - (times.get('straight') ?? 0);
  console.log(`over TLS ${Math.round(later)} ms later than straight`);
  expect(later).toBeLessThan(BAR_MS);
});

const BAR_MS = 1_000;
