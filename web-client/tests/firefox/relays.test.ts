import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';

import { GREEN, Participant } from '../browser/participant';
import { Server } from '../browser/server';
import type { TransportPath } from '../../src/index';
import { Authority } from '../network/authority';
import { SERVER } from '../network/machine';
import { linkBy, type OnlyWay, pathOf, restrictWays } from '../network/ways';
import { SLOWNESS } from '../slow-machine';
import { FirefoxParticipant } from './firefox';

let authority: Authority;
let server: Server;
let near: Participant;
let firefox: FirefoxParticipant;
/** What was started, in that order. */
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  authority = await Authority.make([SERVER], NAME);
  ends.push(() => authority.remove());
  const settings = '[turn]\nport = 3478';
  server = await Server.startRelaying(SERVER, { ...authority.server, settings });
  ends.push(() => server.stop());
  [near, firefox] = await Promise.all([
    Participant.start(GREEN, undefined, { home: authority.home }),
    FirefoxParticipant.start({ profile: authority.profile, named: SERVER }),
  ]);
  ends.push(() => Promise.all([near.close(), firefox.close()]));
  await firefox.prepare(restrictWays);
  await near.open(server.link(await server.token('one')));
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

beforeEach(() => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}\npage:\n${firefox.console.join('\n')}`);
  });
});

/** Comes in by one way, and gives which it became and when it was connected, in ms. */
async function meetBy(
  way: OnlyWay | undefined,
  host = NAME,
): Promise<{ path: TransportPath | undefined; connected: number }> {
  await firefox.open('about:blank');
  const link = server.link(await server.token('one')).replace(SERVER, host);
  await firefox.open(linkBy(way, link));
  await Promise.all([firefox.meets(1), near.meets(1)]);
  await expect.poll(() => pathOf(firefox), { timeout: 5_000 }).toBeDefined();
  const timings = await firefox.evaluate(() => window.observer.timings());
  return {
    path: await pathOf(firefox),
    connected: Math.round(timings?.marks['connected'] ?? Infinity),
  };
}

test('Firefox gets through by each way, and over TLS hardly later than straight', async () => {
  // What the first page has to do, others need not.
  await meetBy(undefined);
  const comeBy = async (way: TransportPath): Promise<number> => {
    const { path, connected } = await meetBy(way === 'udp' ? undefined : way);
    console.log(`Firefox, ${way}: connected after ${connected} ms`);
    expect(path).toBe(way);
    return connected;
  };
  const straight = await comeBy('udp');
  await comeBy('relay-udp');
  await comeBy('relay-tcp');
  // A busy machine makes some of those who come late, so the soonest counts.
  let later = Infinity;
  for (let attempt = 0; later >= BAR_MS && attempt < ATTEMPTS; attempt += 1)
    later = Math.min(later, (await comeBy('relay-tls')) - straight);
  console.log(`Firefox: over TLS ${later} ms later than straight`);
  expect(later).toBeLessThan(SLOWNESS * BAR_MS);
});

test('Firefox finds the other relays where a page has an address and no name', async () => {
  // Over TLS it goes to names alone.
  expect((await meetBy('relay', SERVER)).path).toBe('relay-udp');
});

/** The server's. */
const NAME = 'meet.clinic.test';
/** How much later than straight somebody may be connected. */
const BAR_MS = 1_000;
const ATTEMPTS = 4;
