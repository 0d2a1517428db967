import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type Kept, keepConnections } from './connections';
import { Gathering } from './gathering';
import { BLUE, GREEN, type Participant, RED } from './participant';

describe('three people of whom two may share a screen', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;
  let blue: Participant;

  beforeAll(async () => {
    const participants = await gathering.start([{ ...RED, browser: SHARES_TAB }, GREEN, BLUE]);
    [red, green, blue] = participants as [Participant, Participant, Participant];
    await red.page.context().grantPermissions(['camera', 'microphone']);
    const music = await red.newTab();
    await music.goto(gathering.server.origin);
    await music.evaluate(play, { title: SHARED_TITLE, frequency: SHARED_HZ });
    for (const participant of participants) {
      await participant.page.addInitScript(keepConnections);
      await participant.open(gathering.server.link(await gathering.server.token('screens')));
    }
    await Promise.all(participants.map((participant) => participant.meets(2)));
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('see a shared screen beside the camera, and no description is made for it', async () => {
    await press(red, '.controls .screen');

    for (const viewer of [green, blue]) {
      await showsScreens(viewer, 1);
      expect(await screenSources(viewer)).toEqual([await ownId(red)]);
      await viewer.meets(2);
      expect(await descriptions(viewer)).toBe(1);
    }
    expect(await descriptions(red)).toBe(1);
    expect(await screenSources(red)).toEqual([]);
  });

  test('hear the sound of the shared screen too, and who shares it does not', async () => {
    // In decibels of full scale: at the tone, and where nothing is.
    const heard = async (listener: Participant): Promise<number[][]> => {
      const sounds = await listener.page.evaluate(
        (frequencies) => window.observer.screens(frequencies, 600),
        [SHARED_HZ, UNPLAYED_HZ],
      );
      return sounds.flatMap((sound) => (sound === null ? [] : [[...sound.levels]]));
    };
    for (const listener of [green, blue]) {
      await expect
        .poll(
          async () =>
            (await heard(listener)).map(
              ([tone = -200, rest = -200]) => tone > -45 && tone - rest > 25,
            ),
          { timeout: 15_000 },
        )
        .toEqual([true]);
    }
    expect(await heard(red)).toEqual([]);
  });

  test('see two at once, and a third is refused', async () => {
    await press(green, '.controls .screen');
    await showsScreens(blue, 2);
    await showsScreens(red, 1);

    await press(blue, '.controls .screen');

    await blue.page.waitForFunction(() => window.observer.status().includes('Another screen'));
    await showsScreens(red, 1);
  });

  test('lose the screen as soon as it is stopped in the browser', async () => {
    await red.page.evaluate(() => {
      const room = document.querySelector('quiet-room')?.room;
      const track = room?.localParticipant.screenTrack?.mediaStreamTrack;
      // What the browser's own button does to a track.
      track?.stop();
      track?.dispatchEvent(new Event('ended'));
    });

    await showsScreens(blue, 1);
    await showsScreens(green, 0);
    expect(await screenSources(blue)).toEqual([await ownId(green)]);
  });

  test('lose the screen of one who leaves, and another may share then', async () => {
    await press(green, '.controls .leave');
    await showsScreens(blue, 0);

    await press(blue, '.controls .screen');

    await showsScreens(red, 1);
    expect(await screenSources(red)).toEqual([await ownId(blue)]);
  });
});

/** Runs in the page, which is called `title` from then on: moves, and gives a tone in Hz. */
function play({ title, frequency }: { title: string; frequency: number }): void {
  document.title = title;
  const hand = document.body.appendChild(document.createElement('p'));
  setInterval(() => {
    hand.textContent = String(performance.now());
  }, 50);
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency });
  tone.connect(new GainNode(context, { gain: 0.3 })).connect(context.destination);
  tone.start();
}

async function press(participant: Participant, selector: string): Promise<void> {
  await participant.page.locator(`quiet-room ${selector}`).click();
}

/** Waits until `count` screens are shown, each with pictures that go on. */
async function showsScreens(participant: Participant, count: number): Promise<void> {
  const look = (): Promise<number[]> =>
    participant.page.evaluate(() =>
      [
        ...(document
          .querySelector('quiet-room')
          ?.renderRoot.querySelectorAll('.stage quiet-room-tile') ?? []),
      ].map(
        (tile) =>
          tile.shadowRoot?.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
      ),
    );
  await expect
    .poll(
      async () => {
        const before = await look();
        await participant.page.waitForTimeout(400);
        const after = await look();
        return after.filter((frames, index) => frames > (before[index] ?? 0)).length === count
          ? after.length
          : -1;
      },
      { timeout: 10_000 },
    )
    .toBe(count);
}

/** Whose screens are shown, by id. */
function screenSources(participant: Participant): Promise<string[]> {
  return participant.page.evaluate(() =>
    [
      ...(document
        .querySelector('quiet-room')
        ?.renderRoot.querySelectorAll<HTMLElement>('.stage quiet-room-tile') ?? []),
    ].map(({ dataset }) => dataset['screen'] ?? ''),
  );
}

function ownId(participant: Participant): Promise<string | undefined> {
  return participant.page.evaluate(
    () => document.querySelector('quiet-room')?.room?.localParticipant.id,
  );
}

/** How often this page has described its session, by the version that each description has. */
function descriptions(participant: Participant): Promise<number> {
  return participant.page.evaluate(() => {
    const [connection] = (globalThis as unknown as Kept).connections;
    const version = /^o=\S+ \S+ (\d+)/m.exec(connection?.remoteDescription?.sdp ?? '')?.[1];
    return Number(version);
  });
}

describe('two people under a server that shows the camera where the screen belongs', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;

  beforeAll(async () => {
    const participants = await gathering.start([RED, GREEN]);
    [red, green] = participants as [Participant, Participant];
    await green.page.addInitScript(swapSlots);
    for (const participant of participants) {
      await participant.open(gathering.server.link(await gathering.server.token('swapped')));
    }
    await red.meets(1);
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('are shown neither in the other’s place, and are told so', async () => {
    await green.page.waitForFunction(() => window.observer.ids().length === 1);
    await press(red, '.controls .screen');

    await expect
      .poll(
        () =>
          green.page.evaluate(() => {
            const [other] = document.querySelector('quiet-room')?.room?.participants ?? [];
            return [other?.isBlanked, other?.isScreenBlanked, window.observer.pictures()];
          }),
        { timeout: 10_000 },
      )
      .toEqual([true, true, 0]);
    await green.page.waitForFunction(() => window.observer.status().includes('are hidden'));
  });
});

/**
 * Runs in the page: to the server, the first slot is where this page expects a
 * screen, and the other way round. So the server shows the one in the other's
 * place, as a hostile one would.
 */
function swapSlots(): void {
  const send = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'send')?.value as (
    this: WebSocket,
    data: string,
  ) => void;
  WebSocket.prototype.send = function (this: WebSocket, data) {
    const message = JSON.parse(data as string) as { slots?: unknown[]; screenSlots?: unknown[] };
    const { slots, screenSlots } = message;
    if (slots !== undefined && screenSlots !== undefined) {
      [slots[0], screenSlots[0]] = [screenSlots[0], slots[0]];
    }
    send.call(this, JSON.stringify(message));
  };
}

const SHARED_TITLE = 'What red shares';
/** Nobody's voice, nor near anybody's overtones. */
const SHARED_HZ = 1_370;
const UNPLAYED_HZ = 1_555;

/** Chooses the tab of that name where a person would be asked, which the pretended question cannot. */
const SHARES_TAB = {
  without: ['--use-fake-ui-for-media-stream'],
  flags: [`--auto-select-tab-capture-source-by-title=${SHARED_TITLE}`],
};
