import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { type Kept, keepConnections } from './connections';
import { GREEN, Participant, RED } from './participant';
import { Server } from './server';

describe('what a publisher learns of its path', () => {
  let server: Server;
  let red: Participant;
  let green: Participant;

  beforeAll(async () => {
    server = await Server.startWithKeys();
    [red, green] = await Promise.all([
      Participant.start(RED, { width: 1280, height: 720, frames: 8 }),
      Participant.start(GREEN, { width: 320, height: 180, frames: 15 }),
    ]);
    await red.page.addInitScript(keepConnections);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}`);
      for (const { person, console: lines } of [red, green]) {
        console.error(`page of ${person.name}:\n${lines.join('\n')}`);
      }
    });
  });

  afterAll(async () => {
    await Promise.allSettled([red.close(), green.close()]);
    await server.stop();
  });

  /** Has both enter a new room; the milliseconds from red's connection to its top layer. */
  async function topLayerAfter(): Promise<number> {
    const room = crypto.randomUUID();
    for (const participant of [red, green]) {
      await participant.page.goto('about:blank');
      await participant.open(server.link(await server.token(room)));
    }
    return red.page.evaluate(sendsTopLayer, GIVING_UP_MS);
  }

  /** The middle one of some joins: the machine may be busy with something else at one of them. */
  async function middleOf(joins: number): Promise<number> {
    const times: number[] = [];
    while (times.length < joins) times.push(await topLayerAfter());
    console.log(`top layer sent ${times.map(Math.round).join(', ')} ms after the connection`);
    return times.sort((one, other) => one - other)[Math.floor(joins / 2)] ?? Infinity;
  }

  test('the top layer is sent within seconds of a join', async () => {
    expect(await middleOf(3)).toBeLessThan(BAR_MS);
  });

  test('a server that is busy tells when packets came, not when it read them', async () => {
    // The browser's first probes take 15 ms each.
    const middle = await server.heldUp(40, () => middleOf(3));
    expect(middle).toBeLessThan(BAR_MS);
  });
});

/** Runs in the page: how long after its connection was made the top layer was first sent. */
async function sendsTopLayer(patienceMs: number): Promise<number> {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  const deadline = performance.now() + patienceMs;
  let connected: number | undefined;
  while (performance.now() < deadline) {
    const connection = (globalThis as unknown as Kept).connections.at(-1);
    if (connection?.connectionState === 'connected') {
      connected ??= performance.now();
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCOutboundRtpStreamStats;
        if (stats.type !== 'outbound-rtp' || stats.rid !== 'f') continue;
        if ((stats.framesEncoded ?? 0) > 0) return performance.now() - connected;
      }
    }
    await pause();
  }
  return patienceMs;
}

/** On an idle machine it takes less than half a second. */
const BAR_MS = 6_000;
const GIVING_UP_MS = 12_000;
