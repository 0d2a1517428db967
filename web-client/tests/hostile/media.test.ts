import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { BLUE, GREEN, type Participant, RED, type Tile } from '../browser/participant';
import { ACCUSATION, Company, hiddenOn, idOf } from './company';
import { plainFrames } from './ffmpeg';
import { HostileServer, type Publication, type Target } from './hostile-server';

describe('a server that alters media on its way to one of three people', () => {
  const company = new Company();
  let server: HostileServer;
  let red: Participant;
  let green: Participant;
  let blue: Participant;
  let ids: { red: string; green: string; blue: string };

  beforeAll(async () => {
    server = await HostileServer.start();
    [red, green, blue] = (await company.start([RED, GREEN, BLUE])) as [
      Participant,
      Participant,
      Participant,
    ];
    await green.page.addInitScript(shareAColour, FORGED_COLOUR);
    for (const participant of [red, green, blue]) {
      await participant.open(server.link(await server.token('room'), participant.person.name));
    }
    await Promise.all([red, green, blue].map((participant) => participant.meets(2)));
    ids = { red: await idOf(red), green: await idOf(green), blue: await idOf(blue) };
  });

  beforeEach(async () => {
    company.explainFailure(() => server.output);
    await expectAllIsWell();
  });

  afterAll(async () => {
    await company.close();
    await server.stop();
  });

  /** Red sees and hears the others as they are, and nobody has crashed. */
  async function expectAllIsWell(): Promise<void> {
    await expect.poll(() => red.tiles(), POLL).toEqual([tile('green'), tile('blue')]);
    expect(await hiddenOn(red)).toEqual([]);
    expect(await company.isWell()).toBe(true);
    expect(server.isWell).toBe(true);
  }

  function from(participant: string, source: Publication['source']): Publication {
    return { participant, source };
  }

  /** Where red gets what green publishes. */
  function greens(source: Publication['source']): Target {
    return { subscriber: ids.red, of: from(ids.green, source) };
  }

  async function show(source: Publication['source'], shown: Publication): Promise<void> {
    await server.order({ do: 'show', target: greens(source), shown });
  }

  test('shows and plays nobody in another’s place, and is accused of it', async () => {
    const isDeceived = sees(red, BLUE.colour, [ids.blue]);
    await show('camera', from(ids.blue, 'camera'));
    await show('microphone', from(ids.blue, 'microphone'));

    await expect.poll(() => hiddenOn(red), POLL).toEqual([ids.green]);
    await expect.poll(() => status(red), POLL).toMatch(ACCUSATION);
    const instead = [{ seen: 'nobody', heard: 'nobody' }, tile('blue')];
    await expect.poll(() => red.tiles(), POLL).toEqual(instead);
    expect(await isDeceived).toBe(false);

    await show('camera', from(ids.green, 'camera'));
    await show('microphone', from(ids.green, 'microphone'));
    await expectAllIsWell();
  });

  test('shows nobody in another’s place by turns with the right one', async () => {
    const isDeceived = sees(red, BLUE.colour, [ids.blue]);
    const end = Date.now() + DECEPTION_MS;
    while (Date.now() < end) {
      for (const name of ['blue', 'green'] as const) {
        await show('camera', from(ids[name], 'camera'));
        await show('microphone', from(ids[name], 'microphone'));
        await pause(150);
      }
    }

    expect(await hiddenOn(red)).toEqual([ids.green]);
    expect(await status(red)).toMatch(ACCUSATION);
    expect(await isDeceived).toBe(false);
    await expectAllIsWell();
  });

  test('shows nobody’s screen as the camera', async () => {
    await green.page.evaluate(async () => {
      await document.querySelector('quiet-room')?.room?.shareScreen();
    });
    await expect.poll(() => red.page.evaluate(screenPackets), POLL).toBeGreaterThan(0);
    const isDeceived = sees(red, FORGED_COLOUR, []);
    await show('camera', from(ids.green, 'screen'));

    await expect.poll(() => hiddenOn(red), POLL).toEqual([ids.green]);
    expect(await isDeceived).toBe(false);

    await show('camera', from(ids.green, 'camera'));
    await expectAllIsWell();
    await green.page.evaluate(async () => {
      await document.querySelector('quiet-room')?.room?.stopScreenShare();
    });
  });

  test('shows and plays nothing that is not encrypted', async () => {
    const plain = await plainFrames(FORGED_COLOUR, FORGED_HZ);
    const before = await red.page.evaluate(() => window.workerWatch.reports.length);
    const isDeceived = sees(red, FORGED_COLOUR, []);
    const hears = red.page.evaluate(([frequency, ms]) => window.observer.remotes([frequency], ms), [
      FORGED_HZ,
      DECEPTION_MS,
    ] as const);
    const frames = Array.from({ length: 20 }, () => plain.vp8[0] ?? '');
    await server.order({ do: 'forge', target: greens('camera'), frames });
    const sound = plain.opus.map((frame) =>
      Buffer.concat([RED_WITHOUT_REDUNDANCY, Buffer.from(frame, 'base64')]).toString('base64'),
    );
    await server.order({ do: 'forge', target: greens('microphone'), frames: sound });

    for (const source of ['camera', 'microphone'] as const) {
      await expect
        .poll(() => server.order({ do: 'tally', target: greens(source) }), POLL)
        .toMatchObject({ waiting: 0 });
    }
    expect(await isDeceived).toBe(false);
    const greenSound = (await hears).find(({ id }) => id === ids.green)?.sound;
    expect(greenSound?.levels[0]).toBeLessThan(SILENCE_DBFS);
    const slot = await slotOf(red, ids.green);
    expect(await refusals(red, slot, before)).toEqual(['audio', 'video']);
  });

  test('brings back nobody who turned microphone and camera off', async () => {
    const slot = await slotOf(red, ids.green);
    // Of a picture it keeps what followed the last key frame, which may have come just now.
    for (const [source, enough] of [
      ['camera', PICTURES_KEPT],
      ['microphone', SOUNDS_KEPT],
    ] as const) {
      const keep = { do: 'keep', target: greens(source) } as const;
      await expect
        .poll(async () => (await server.order(keep)).packets, POLL)
        .toBeGreaterThan(enough);
    }
    await green.page.evaluate(setDevices, false);
    await expect
      .poll(async () => (await red.tiles())[0], POLL)
      .toEqual({ seen: 'nobody', heard: 'nobody' });
    const before = await counts(red, slot);

    const hears = red.page.evaluate(([frequency, ms]) => window.observer.remotes([frequency], ms), [
      GREEN.frequency,
      DECEPTION_MS,
    ] as const);
    const pictures = await server.order({ do: 'replay', target: greens('camera') });
    const sounds = await server.order({ do: 'replay', target: greens('microphone') });
    const greenSound = (await hears).find(({ id }) => id === ids.green)?.sound;
    const after = await counts(red, slot);

    // They did come in, as whole frames, at the place where they are decrypted.
    expect(pictures.packets).toBeGreaterThan(PICTURES_KEPT);
    expect(after.video.taken - before.video.taken).toBeGreaterThan(5);
    expect(after.video.passed).toBe(before.video.passed);
    expect(sounds.packets).toBeGreaterThan(SOUNDS_KEPT);
    expect(after.audio.taken - before.audio.taken).toBeGreaterThanOrEqual(sounds.packets);
    expect(after.audio.passed).toBe(before.audio.passed);
    expect(greenSound?.levels[0]).toBeLessThan(SILENCE_DBFS);

    await green.page.evaluate(setDevices, true);
    await expectAllIsWell();
  });
});

/** Whether a page shows a colour in a tile of somebody who is not in `except`, for as long as a deception lasts. */
function sees(
  { page }: Participant,
  colour: readonly number[],
  except: readonly string[],
): Promise<boolean> {
  const seen = page.evaluate(
    ([wanted, ids, timeout]) => window.observer.sees(wanted, ids, timeout),
    [[...colour], [...except], DECEPTION_MS] as const,
  );
  return seen.then(
    () => true,
    (reason: unknown) => {
      if (String(reason).includes('not within')) return false;
      throw reason;
    },
  );
}

function status({ page }: Participant): Promise<string> {
  return page.evaluate(() => window.observer.status());
}

/** The slot where a page decrypts what is somebody's. */
function slotOf({ page }: Participant, id: string): Promise<number> {
  return page.evaluate((wanted) => {
    const members = document.querySelector('quiet-room')?.room?.group?.members ?? [];
    const leaf = members.find(({ participantId }) => participantId === wanted)?.leaf;
    const senders = window.workerWatch.reports.filter((report) => report.type === 'sender');
    const last = senders.filter((report) => report.leaf === leaf && report.context === 1).at(-1);
    if (last === undefined) throw new Error('nothing of this participant was decrypted');
    return last.slot;
  }, id);
}

/** Of which kinds frames at a slot were refused as not encrypted, from one report on. */
function refusals({ page }: Participant, slot: number, from: number): Promise<string[]> {
  return page.evaluate(
    ([wanted, first]) => {
      const reports = window.workerWatch.reports.slice(first);
      const refused = reports.filter((report) => report.type === 'undecryptable');
      const kinds = refused.filter((report) => report.slot === wanted).map(({ kind }) => kind);
      return [...new Set(kinds)].sort();
    },
    [slot, from] as const,
  );
}

/** What a page's transforms for a slot took and passed on. */
async function counts(
  { page }: Participant,
  slot: number,
): Promise<Record<'audio' | 'video', { taken: number; passed: number }>> {
  const all = await page.evaluate(() => window.workerWatch.counts());
  const of = (kind: 'audio' | 'video'): { taken: number; passed: number } => {
    const found = all.find(
      ({ options }) =>
        options.direction === 'receive' && options.kind === kind && options.slot === slot,
    );
    if (found === undefined) throw new Error(`there is no transform for ${kind} ${slot}`);
    return found;
  };
  return { audio: of('audio'), video: of('video') };
}

/** Runs in the page. */
async function setDevices(isOn: boolean): Promise<void> {
  const local = document.querySelector('quiet-room')?.room?.localParticipant;
  await local?.setMicrophoneEnabled(isOn);
  await local?.setCameraEnabled(isOn);
}

/** Runs in the page: how often a shared screen was told of that decrypted. */
function screenPackets(): number {
  const reports = window.workerWatch.reports.filter((report) => report.type === 'sender');
  return reports.filter(({ context }) => context === 2).length;
}

/** Runs in the page before its own scripts: the screen that it shares is one colour. */
function shareAColour(colour: readonly number[]): void {
  navigator.mediaDevices.getDisplayMedia = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 180;
    const context = canvas.getContext('2d');
    let turn = 0;
    setInterval(() => {
      if (context === null) return;
      context.fillStyle = `rgb(${colour.join(',')})`;
      context.fillRect(0, 0, 320, 180);
      context.fillStyle = 'black';
      context.fillRect((turn += 1) % 320, 175, 5, 5);
    }, 60);
    return Promise.resolve(canvas.captureStream(15));
  };
}

function tile(name: string): Tile {
  return { seen: name, heard: name };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Nobody's. */
const FORGED_COLOUR: [number, number, number] = [200, 0, 200];
const FORGED_HZ = 1490;
/** Chromium's number of Opus: the one block that follows is of it (RFC 2198 §3). */
const RED_WITHOUT_REDUNDANCY = Buffer.of(111);
/** Packets that make a replay worth its name. */
const PICTURES_KEPT = 10;
const SOUNDS_KEPT = 50;
const DECEPTION_MS = 3_000;
const SILENCE_DBFS = -60;
const POLL = { timeout: 20_000 };
