import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { type Kept, keepConnections } from './connections';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED, YELLOW } from './participant';

describe('three people who take redundant sound, and one who does not', () => {
  const gathering = Gathering.byTokens();
  let three: Participant[];
  let fourth: Participant;

  beforeAll(async () => {
    const people = await gathering.start([RED, GREEN, BLUE, YELLOW], SMALL);
    for (const { page } of people) await page.addInitScript(keepConnections);
    [fourth] = people.splice(3) as [Participant];
    await fourth.page.addInitScript(withoutRed);
    three = people;
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('send it while all take it, and plain sound as long as one does not', async () => {
    gathering.explainFailure();
    await Promise.all(three.map(enter));
    await Promise.all(three.map((participant) => participant.meets(2)));
    await expect.poll(() => kinds(three), POLL).toEqual(['red', 'red', 'red']);
    await everybodyHears(three, ['red', 'green', 'blue']);

    const before = await Promise.all(three.map(({ page }) => page.evaluate(concealed)));
    await enter(fourth);
    const all = [...three, fourth];
    await Promise.all(all.map((participant) => participant.meets(3)));
    await expect.poll(() => kinds(all), POLL).toEqual(['opus', 'opus', 'opus', 'opus']);
    await everybodyHears(all, ['red', 'green', 'blue', 'yellow']);
    expect(await offers(fourth)).not.toContain(' red/');
    expect(await offers(three[0])).toContain(' red/');

    await fourth.page.goto('about:blank');
    await Promise.all(three.map((participant) => participant.meets(2)));
    await expect.poll(() => kinds(three), POLL).toEqual(['red', 'red', 'red']);
    await everybodyHears(three, ['red', 'green', 'blue']);
    const after = await Promise.all(three.map(({ page }) => page.evaluate(concealed)));
    const gaps = after.map((ms, index) => Math.round(ms - (before[index] ?? 0)));
    console.log(
      `concealed of two voices through two changes, at each listener: ${gaps.join(', ')} ms`,
    );
    expect(Math.max(...gaps)).toBeLessThan(SLOWNESS * MOST_CONCEALED_MS);
  });

  async function enter(participant: Participant): Promise<void> {
    const token = await gathering.server.token('redundancy');
    await participant.open(gathering.server.link(token));
  }
});

/** What each sends by the size of its packets, which constant bitrate keeps equal. */
function kinds(people: readonly Participant[]): Promise<string[]> {
  return Promise.all(
    people.map(async ({ page }) => {
      const size = await page.evaluate(meanPacketSize);
      if (size > 60 && size < 130) return 'opus';
      return size > 170 && size < 230 ? 'red' : `packets of ${size} bytes`;
    }),
  );
}

async function everybodyHears(
  people: readonly Participant[],
  names: readonly string[],
): Promise<void> {
  await Promise.all(
    people.map((participant) => {
      const others = names.filter((name) => name !== participant.person.name).sort();
      return expect
        .poll(async () => (await participant.tiles()).map(({ heard }) => heard).sort(), POLL)
        .toEqual(others);
    }),
  );
}

function offers(participant: Participant | undefined): Promise<string> | undefined {
  return participant?.page.evaluate(() =>
    (globalThis as unknown as Kept).connections
      .map(({ localDescription }) => localDescription?.sdp ?? '')
      .join(''),
  );
}

/** Runs in the page before its own scripts: a browser that has no RED. */
function withoutRed(): void {
  for (const half of [RTCRtpSender, RTCRtpReceiver]) {
    const original = half.getCapabilities.bind(half);
    half.getCapabilities = (kind) => {
      const capabilities = original(kind);
      return (
        capabilities && {
          ...capabilities,
          codecs: capabilities.codecs.filter(({ mimeType }) => mimeType !== 'audio/red'),
        }
      );
    };
  }
}

/** Runs in the page: of the sound that is sent in half a second, bytes a packet. */
async function meanPacketSize(): Promise<number> {
  const read = async (): Promise<[packets: number, bytes: number]> => {
    let sent: [number, number] = [0, 0];
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCOutboundRtpStreamStats;
        if (stats.type !== 'outbound-rtp' || stats.kind !== 'audio') continue;
        sent = [sent[0] + (stats.packetsSent ?? 0), sent[1] + (stats.bytesSent ?? 0)];
      }
    }
    return sent;
  };
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = await read();
  return Math.round((after[1] - before[1]) / Math.max(1, after[0] - before[0]));
}

/** Runs in the page: of all that was heard so far, what had to be made up, in ms. */
async function concealed(): Promise<number> {
  let samples = 0;
  for (const connection of (globalThis as unknown as Kept).connections) {
    for (const report of (await connection.getStats()).values()) {
      const stats = report as RTCInboundRtpStreamStats;
      if (stats.type !== 'inbound-rtp' || stats.kind !== 'audio') continue;
      samples += (stats.concealedSamples ?? 0) - (stats.silentConcealedSamples ?? 0);
    }
  }
  return samples / 48;
}

const SMALL = { width: 320, height: 180, frames: 10 };
const POLL = { timeout: 15_000 };
/** Less than one of two voices would miss that fell silent while the fourth is there. */
const MOST_CONCEALED_MS = 4_000;
