import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { Gathering } from './gathering';
import { GREEN, type Participant, RED } from './participant';

describe('somebody whose devices are unplugged', () => {
  const gathering = Gathering.byTokens();
  let red: Participant;
  let green: Participant;

  beforeAll(async () => {
    const participants = await gathering.start([RED, GREEN]);
    [red, green] = participants as [Participant, Participant];
    await red.page.context().grantPermissions(['camera', 'microphone']);
    for (const participant of participants) {
      await participant.open(gathering.server.link(await gathering.server.token('devices')));
    }
    await Promise.all(participants.map((participant) => participant.meets(1)));
  });

  beforeEach(() => {
    gathering.explainFailure();
  });

  afterAll(async () => {
    await gathering.close();
  });

  test('is heard by another microphone, and told so', async () => {
    const before = await unplug('audioTrack');

    await red.page.locator('.prompt', { hasText: 'microphone' }).waitFor();
    const now = await red.page.evaluate(
      () =>
        document.querySelector('quiet-room')?.room?.localParticipant.audioTrack?.mediaStreamTrack
          .id,
    );
    expect(now).not.toBe(before);
    await expect.poll(() => green.tiles(), PATIENCE).toEqual([{ seen: 'red', heard: 'red' }]);
  });

  test('is seen no more when it was the camera, is told the mend, and turns it on again', async () => {
    await unplug('videoTrack');

    await red.page
      .locator('[role="alert"], .notice', { hasText: 'No camera was found' })
      .first()
      .waitFor();
    await expect.poll(() => green.tiles(), PATIENCE).toEqual([{ seen: 'nobody', heard: 'red' }]);
    await red.page.locator('.controls .camera').click();
    await expect.poll(() => green.tiles(), PATIENCE).toEqual([{ seen: 'red', heard: 'red' }]);
  });

  /** Does to a track what the browser does when its device goes; resolves with the track's id. */
  function unplug(which: 'audioTrack' | 'videoTrack'): Promise<string | undefined> {
    return red.page.evaluate((name) => {
      const track = document.querySelector('quiet-room')?.room?.localParticipant[name];
      track?.mediaStreamTrack.stop();
      track?.mediaStreamTrack.dispatchEvent(new Event('ended'));
      return track?.mediaStreamTrack.id;
    }, which);
  }
});

const PATIENCE = { timeout: 20_000 };
