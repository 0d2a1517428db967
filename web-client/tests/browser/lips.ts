import { expect } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import type { Attendee } from './attendee';
import type { Kept } from './connections';
import { perceive, type Perceived } from './flash-and-beep';

type Viewer = Pick<Attendee, 'evaluate'>;

/** A script for pages whose viewers are asked by {@link areTogether}. They must keep their connections. */
export function perceptionScript(): string {
  return `globalThis.perceive = ${perceive.toString()}`;
}

/** How patiently {@link areTogether} looks. */
export interface Patience {
  /** How often at the most: a browser takes some seconds to reach it. */
  readonly looks?: number;
  /** Whether the publisher's own clocks are as exact as what is seen and heard. */
  readonly hasExactClocks?: boolean;
}

/** Looks and listens until both are together. */
export async function areTogether(
  viewer: Viewer,
  when: string,
  { looks = 3, hasExactClocks = true }: Patience = {},
): Promise<void> {
  let late = Infinity;
  for (let look = 1; look <= looks && Math.abs(late) > BAR_MS; look += 1) {
    const perceived = await watch(viewer, LOOK_MS);
    const each = delays(perceived).sort((one, other) => one - other);
    const believed = median(perceived.believed);
    late = each.length < 2 ? Infinity : median(each);
    const far = each.map(Math.abs).sort((one, other) => one - other);
    const told = perceived.believed.length === 0 ? 'nothing' : ms(believed);
    console.log(
      `${when}, look ${look}: sound later than the picture by ${ms(late)} (95 % within ` +
        `${ms(far[Math.ceil(0.95 * far.length) - 1] ?? NaN)}), by the browser's word ${told}`,
    );
    // What it believes is what the server told it of the clocks, once there is such news:
    // a browser first reports on its sound after some seconds.
    if (hasExactClocks && each.length >= 3 && perceived.believed.length >= 5)
      expect(Math.abs(believed - late)).toBeLessThan(BAR_MS);
  }
  expect(Math.abs(late)).toBeLessThanOrEqual(BAR_MS);
}

/** How much later than its flash each beep was. */
function delays({ flashes, beeps }: Perceived): number[] {
  return beeps.flatMap((beep) => {
    const late = flashes.map((flash) => beep - flash);
    const nearest = late.sort((one, other) => Math.abs(one) - Math.abs(other))[0];
    return nearest === undefined || Math.abs(nearest) > HALF_MS ? [] : nearest;
  });
}

function watch(viewer: Viewer, duration: number): Promise<Perceived> {
  return viewer.evaluate(async (milliseconds) => {
    const element = document.querySelector('quiet-room');
    const [other] = element?.room?.participants ?? [];
    const voice = other?.audioTrack?.mediaStreamTrack;
    const picture = other?.videoTrack?.mediaStreamTrack;
    const video = [...(element?.shadowRoot?.querySelectorAll('quiet-room-tile') ?? [])]
      .flatMap((tile) => tile.shadowRoot?.querySelector('video') ?? [])
      .find(
        ({ srcObject }) => srcObject instanceof MediaStream && srcObject.getTracks()[0] === picture,
      );
    if (voice === undefined || video === undefined) throw new Error('nobody is shown');
    const page = globalThis as unknown as Kept & { perceive: typeof perceive };
    return page.perceive(video, voice, page.connections, milliseconds);
  }, duration);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

const BAR_MS = SLOWNESS * 80;
const LOOK_MS = 3_600;
/** Of the time from one flash to the next: no flash and beep farther apart belong together. */
const HALF_MS = 450;
