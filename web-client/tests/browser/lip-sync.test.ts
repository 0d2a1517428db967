import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';

import { type Kept, keepConnections } from './connections';
import { perceive, type Perceived, playFlashAndBeep } from './flash-and-beep';
import { BLUE, GREEN, Participant, RED } from './participant';
import { Server } from './server';

describe('flashes and beeps of the same moments are seen and heard together', () => {
  let server: Server;
  let red: Participant;
  let green: Participant;
  let blue: Participant;

  beforeAll(async () => {
    server = await Server.startWithKeys({ capacity: 3 });
    const small = { width: 320, height: 180, frames: 15 };
    [red, green, blue] = await Promise.all([
      Participant.start(RED, small),
      Participant.start(GREEN, small),
      Participant.start(BLUE, small),
    ]);
    for (const { page } of [red, blue]) await page.addInitScript(playFlashAndBeep);
    await green.page.addInitScript(keepConnections);
    await green.page.addInitScript(`globalThis.perceive = ${perceive.toString()}`);
    for (const participant of [green, red]) {
      await participant.open(server.link(await server.token('lips')));
    }
    await Promise.all([red.meets(1), green.meets(1)]);
  });

  beforeEach(() => {
    onTestFailed(() => {
      console.error(`server:\n${server.output.join('')}\n${green.console.join('\n')}`);
    });
  });

  afterAll(async () => {
    await Promise.allSettled([red, green, blue].map((participant) => participant.close()));
    await server.stop();
  });

  test('from the first seconds on', async () => {
    await areTogether(green, 'after the join');
  });

  test('in another layer of the picture', async () => {
    for (const layer of [0, 1]) {
      await limit(green, layer);
      await areTogether(green, `in layer ${layer}`);
    }
  });

  test('when somebody else takes the place', async () => {
    await red.close();
    await blue.open(server.link(await server.token('lips')));
    await Promise.all([blue.meets(1), green.meets(1)]);
    await areTogether(green, 'of a newcomer');
  });
});

/** Looks and listens until both are together, which a browser takes some seconds to reach. */
async function areTogether(viewer: Participant, when: string): Promise<void> {
  let late = Infinity;
  for (let look = 1; look <= MOST_LOOKS && Math.abs(late) > BAR_MS; look += 1) {
    const perceived = await watch(viewer, LOOK_MS);
    const each = delays(perceived).sort((one, other) => one - other);
    const believed = median(perceived.believed);
    late = each.length < 2 ? Infinity : median(each);
    const far = each.map(Math.abs).sort((one, other) => one - other);
    console.log(
      `${when}, look ${look}: sound later than the picture by ${ms(late)} (95 % within ` +
        `${ms(far[Math.ceil(0.95 * far.length) - 1] ?? NaN)}), by the browser's word ${ms(believed)}`,
    );
    // What it believes is what the server told it of the clocks, once there is such news:
    // a browser first reports on its sound after some seconds.
    if (each.length >= 3 && perceived.believed.length >= 5)
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

function watch(viewer: Participant, duration: number): Promise<Perceived> {
  return viewer.page.evaluate(async (milliseconds) => {
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

/** Asks for no layer above this, however large the picture is. */
function limit(viewer: Participant, spatial: number): Promise<void> {
  return viewer.page.evaluate((highest) => {
    const [other] = document.querySelector('quiet-room')?.room?.participants ?? [];
    other?.videoTrack?.show({ width: 1920, height: 1080 });
    other?.videoTrack?.limitLayers({ spatial: highest });
  }, spatial);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

const BAR_MS = 80;
const LOOK_MS = 3_600;
/** A machine that does other things makes sound wait; a browser follows by tens of ms a second. */
const MOST_LOOKS = 3;
/** Of the time from one flash to the next: no flash and beep farther apart belong together. */
const HALF_MS = 450;
