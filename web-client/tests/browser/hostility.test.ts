import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { type Address, Assault } from './assault';
import { type Kept, keepConnections } from './connections';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';

describe('three people, while strangers do their worst', () => {
  const gathering = Gathering.byTokens();
  let participants: Participant[];

  beforeAll(async () => {
    participants = await gathering.start([RED, GREEN, BLUE]);
    for (const participant of participants) await participant.page.addInitScript(keepConnections);
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('neither lose more nor wait longer than before', async () => {
    const token = await gathering.server.token('besieged');
    for (const participant of participants) await participant.open(gathering.server.link(token));
    await Promise.all(participants.map((participant) => participant.meets(2)));
    await hasSettled(participants);
    const calm = await observe(participants);

    const { hostname, port } = new URL(gathering.server.origin);
    const http = { host: hostname, port: Number(port) };
    const assault = new Assault(await mediaAddresses(participants), http, `${token}x`);
    const besieged = await observe(participants);
    const datagrams = await assault.stop();

    console.log(`calm: ${describeFigures(calm)}`);
    console.log(`besieged by ${datagrams} datagrams: ${describeFigures(besieged)}`);
    expect(datagrams).toBeGreaterThan(10_000);
    expect(besieged.sound).toBeGreaterThan(calm.sound * 0.8);
    expect(besieged.lost).toBeLessThanOrEqual(besieged.packets * 0.005);
    // Pictures are coded by the processor that the strangers take.
    expect(besieged.frames).toBeGreaterThan(calm.frames * 0.5);
    expect(besieged.delayMs).toBeLessThan(calm.delayMs + SLOWNESS * 100);
    await Promise.all(participants.map((participant) => participant.meets(2)));
    expect(gathering.server.output.join('')).not.toMatch(/panicked/);
  });
});

/** What all the participants' streams together came to in a few seconds. */
interface Figures {
  readonly packets: number;
  /** Those of sound: as many each second whatever else the machine does. */
  readonly sound: number;
  readonly lost: number;
  readonly frames: number;
  /** How long sound and pictures waited in the receivers' jitter buffers, on average. */
  readonly delayMs: number;
}

async function observe(participants: readonly Participant[], watchMs = WATCH_MS): Promise<Figures> {
  const before = await Promise.all(participants.map(readTotals));
  await participants[0]?.page.waitForTimeout(watchMs);
  const after = await Promise.all(participants.map(readTotals));
  const grown = (key: keyof Totals): number =>
    after.reduce((sum, totals, index) => sum + totals[key] - (before[index]?.[key] ?? 0), 0);
  return {
    packets: grown('packets'),
    sound: grown('sound'),
    lost: grown('lost'),
    frames: grown('frames'),
    delayMs: (grown('delaySeconds') / Math.max(1, grown('emitted'))) * 1000,
  };
}

/** Waits until the probes are over that find out what each path takes: they add packets. */
async function hasSettled(participants: readonly Participant[]): Promise<void> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  let before = await observe(participants, SECOND_MS);
  while (Date.now() < deadline) {
    const now = await observe(participants, SECOND_MS);
    if (Math.abs(now.packets - before.packets) < before.packets / 10) return;
    before = now;
  }
}

interface Totals {
  packets: number;
  sound: number;
  lost: number;
  frames: number;
  delaySeconds: number;
  emitted: number;
}

function readTotals(participant: Participant): Promise<Totals> {
  return participant.page.evaluate(async () => {
    const totals = { packets: 0, sound: 0, lost: 0, frames: 0, delaySeconds: 0, emitted: 0 };
    for (const connection of (globalThis as unknown as Kept).connections) {
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCInboundRtpStreamStats;
        if (stats.type !== 'inbound-rtp') continue;
        totals.packets += stats.packetsReceived ?? 0;
        if (stats.kind === 'audio') totals.sound += stats.packetsReceived ?? 0;
        totals.lost += stats.packetsLost ?? 0;
        totals.frames += stats.framesDecoded ?? 0;
        totals.delaySeconds += stats.jitterBufferDelay ?? 0;
        totals.emitted += stats.jitterBufferEmittedCount ?? 0;
      }
    }
    return totals;
  });
}

/** Where the server's media workers listen, by the answers that it gave. */
async function mediaAddresses(participants: readonly Participant[]): Promise<Address[]> {
  const answers = await Promise.all(
    participants.map((participant) =>
      participant.page.evaluate(() =>
        (globalThis as unknown as Kept).connections.map(
          (connection) => connection.remoteDescription?.sdp ?? '',
        ),
      ),
    ),
  );
  const candidates = answers
    .flat()
    .join('\n')
    .matchAll(/a=candidate:\S+ 1 udp \d+ (127\.\S+) (\d+)/gi);
  const ports = new Set([...candidates].map(([, , port]) => Number(port)));
  expect(ports.size).toBeGreaterThan(0);
  return [...ports].map((port) => ({ host: '127.0.0.1', port }));
}

function describeFigures({ packets, sound, lost, frames, delayMs }: Figures): string {
  return `${packets} packets, ${sound} of them sound, ${lost} lost, ${frames} frames, ${delayMs.toFixed(0)} ms in buffers`;
}

const WATCH_MS = 5_000;
const SECOND_MS = 1_000;
const SETTLED_WITHIN_MS = 8_000;
