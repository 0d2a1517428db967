import type { Page } from 'playwright-core';

import type { Kept } from '../browser/connections';

/** What had come to a page by a time: packets of sound, and frames of pictures. */
export interface Arrival {
  readonly at: number;
  readonly sound: number;
  readonly frames: number;
}

/** Runs in the page: notes every 20 ms what has come by then, at `Date.now()`. */
export function recordArrivals(): void {
  const kept = globalThis as unknown as Kept & { arrivals: Arrival[] };
  kept.arrivals = [];
  const look = async (): Promise<void> => {
    let [sound, frames] = [0, 0];
    for (const connection of kept.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const report of (await connection.getStats()).values()) {
        const stats = report as RTCInboundRtpStreamStats;
        if (stats.type !== 'inbound-rtp') continue;
        if (stats.kind === 'audio') sound += stats.packetsReceived ?? 0;
        else frames += stats.framesDecoded ?? 0;
      }
    }
    kept.arrivals.push({ at: Date.now(), sound, frames });
    setTimeout(() => void look(), 20);
  };
  void look();
}

/** How long nothing came to a page since `start`, at the longest, in ms. */
export async function longestSilence(
  page: Page,
  start: number,
): Promise<{ sound: number; picture: number }> {
  const arrivals = await page.evaluate(
    () => (globalThis as unknown as { arrivals: Arrival[] }).arrivals,
  );
  const longest = (count: (arrival: Arrival) => number): number => {
    let [newest, most, silence] = [start, -1, 0];
    for (const arrival of arrivals) {
      if (count(arrival) > most && arrival.at > start) {
        silence = Math.max(silence, arrival.at - newest);
        newest = arrival.at;
      }
      most = Math.max(most, count(arrival));
    }
    return Math.max(silence, (arrivals.at(-1)?.at ?? start) - newest);
  };
  return { sound: longest(({ sound }) => sound), picture: longest(({ frames }) => frames) };
}
