import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';

import { SLOWNESS } from '../slow-machine';
import { GREEN, Participant, RED } from './participant';
import { Server } from './server';

let server: Server;
let red: Participant;
let green: Participant;

beforeAll(async () => {
  server = await Server.startWithKeys();
  const small = { width: 320, height: 180, frames: 15 };
  [red, green] = await Promise.all([
    Participant.start({ ...RED, turn: 1.2 }, small),
    Participant.start({ ...GREEN, turn: 0 }, small),
  ]);
  for (const participant of [red, green]) {
    await participant.open(server.link(await server.token('speakers')));
  }
  await Promise.all([red.meets(1), green.meets(1)]);
});

afterAll(async () => {
  await Promise.allSettled([red, green].map((participant) => participant.close()));
  await server.stop();
});

test('who begins to speak is marked on the tiles of others within 300 ms, and not for good', async () => {
  onTestFailed(() => {
    console.error(`server:\n${server.output.join('')}\n${green.console.join('\n')}`);
  });
  const [begun, { on, off }] = await Promise.all([
    red.page.evaluate(watchVoice, WATCH_MS),
    green.page.evaluate(watchMarks, WATCH_MS),
  ]);

  const delays = begun
    .map((at) => on.find((mark) => mark >= at && mark < at + 2_000))
    .flatMap((mark, index) => (mark === undefined ? [] : [mark - (begun[index] ?? 0)]));
  console.log(`marked ${delays.join(', ')} ms after the voice begins; ${off.length} times off`);
  expect(delays.length).toBeGreaterThanOrEqual(3);
  const median = delays.sort((one, other) => one - other)[Math.floor(delays.length / 2)];
  // Twice the bar: the machine may be doing other things.
  expect(median).toBeLessThan(SLOWNESS * 2 * 300);
  expect(on.length).toBeLessThanOrEqual(begun.length + 1);
  expect(off.length).toBeGreaterThanOrEqual(3);
});

/** In the page: when its own microphone begins to sound after a pause. */
async function watchVoice(milliseconds: number): Promise<number[]> {
  const room = document.querySelector('quiet-room')?.room;
  const track = room?.localParticipant.audioTrack?.mediaStreamTrack;
  if (track === undefined) throw new Error('no microphone');
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 256 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(256);
  const begun: number[] = [];
  let last = Date.now();
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    analyser.getFloatTimeDomainData(samples);
    if (samples.some((sample) => Math.abs(sample) > 0.02)) {
      if (Date.now() - last > 1_000) begun.push(Date.now());
      last = Date.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  await context.close();
  return begun;
}

/** In the page: when somebody else's tile is marked as speaking, and when no more. */
async function watchMarks(milliseconds: number): Promise<{ on: number[]; off: number[] }> {
  const tile = document
    .querySelector('quiet-room')
    ?.shadowRoot?.querySelector('quiet-room-tile[data-participant]');
  if (tile == null) throw new Error('no tile');
  const marks = { on: [] as number[], off: [] as number[] };
  const observer = new MutationObserver(() => {
    const isOn = tile.hasAttribute('speaking');
    requestAnimationFrame(() => marks[isOn ? 'on' : 'off'].push(Date.now()));
  });
  observer.observe(tile, { attributeFilter: ['speaking'] });
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  observer.disconnect();
  return marks;
}

/** Five rounds of the fake microphone's loop. */
const WATCH_MS = 15_000;
