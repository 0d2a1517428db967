import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
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
    await red.page.addInitScript(timeTopLayer);
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
    const [after] = await Promise.all([
      red.page
        .waitForFunction(topLayerDelay, undefined, { polling: 50, timeout: GIVING_UP_MS })
        .then((delay) => delay.jsonValue())
        .catch(() => GIVING_UP_MS),
      green.page.waitForFunction(showAllLarge),
    ]);
    return after ?? GIVING_UP_MS;
  }

  /** The middle one of some joins: the machine may be busy with something else at one of them. */
  async function middleOf(joins: number): Promise<number> {
    const times: number[] = [];
    while (times.length < joins) times.push(await topLayerAfter());
    console.log(`top layer sent ${times.map(Math.round).join(', ')} ms after the connection`);
    return times.sort((one, other) => one - other)[Math.floor(joins / 2)] ?? Infinity;
  }

  test('the top layer is sent within seconds of a join', async () => {
    expect(await middleOf(3)).toBeLessThan(SLOWNESS * BAR_MS);
  });

  test('a server that is busy tells when packets came, not when it read them', async () => {
    // The browser's first probes take 15 ms each.
    const middle = await server.heldUp(40, () => middleOf(3));
    expect(middle).toBeLessThan(SLOWNESS * BAR_MS);
  });
});

/** Runs in the page: shows everybody as large as can be; whether anybody is there. */
function showAllLarge(): boolean {
  const others = document.querySelector('quiet-room')?.room?.participants ?? [];
  for (const { videoTrack } of others) videoTrack?.show({ width: 1920, height: 1080 });
  return others.length > 0;
}

interface Timed {
  /** From the connection to the top layer, in milliseconds. */
  topLayerDelay: number | undefined;
}

/** Runs in the page before all else: notes how soon the top layer is first sent. */
function timeTopLayer(): void {
  const timed = globalThis as unknown as Timed;
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      let connected: number | undefined;
      const look = async (): Promise<void> => {
        if (this.connectionState === 'connected') connected ??= performance.now();
        for (const report of (await this.getStats()).values()) {
          const stats = report as RTCOutboundRtpStreamStats;
          if (connected === undefined || stats.type !== 'outbound-rtp') continue;
          if (stats.rid !== 'f' || (stats.framesEncoded ?? 0) === 0) continue;
          timed.topLayerDelay = performance.now() - connected;
          return;
        }
        setTimeout(() => void look(), 20);
      };
      void look();
    }
  };
}

/** Runs in the page. */
function topLayerDelay(): number | undefined {
  return (globalThis as unknown as Timed).topLayerDelay;
}

/** On an idle machine it takes less than half a second. */
const BAR_MS = 6_000;
const GIVING_UP_MS = 12_000;
