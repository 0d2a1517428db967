import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { BLUE, GREEN, Participant, RED } from './participant';

/** The page under the instruments: the browser's own microphone and camera over a loop of two peer connections. */
async function loop(participant: Participant, constraints: MediaStreamConstraints): Promise<void> {
  await participant.page.route('http://localhost/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><quiet-room></quiet-room>' }),
  );
  await participant.open('http://localhost/');
  await participant.page.evaluate(async (wanted) => {
    const near = new RTCPeerConnection();
    const far = new RTCPeerConnection();
    near.onicecandidate = ({ candidate }) => void far.addIceCandidate(candidate ?? undefined);
    far.onicecandidate = ({ candidate }) => void near.addIceCandidate(candidate ?? undefined);
    const received: MediaStreamTrack[] = [];
    far.ontrack = ({ track }) => {
      received.push(track);
      const player = document.createElement(track.kind as 'audio' | 'video');
      player.autoplay = true;
      document.querySelector('quiet-room')?.append(player);
      player.srcObject = new MediaStream([track]);
    };
    const captured = await navigator.mediaDevices.getUserMedia(wanted);
    for (const track of captured.getTracks()) near.addTrack(track, captured);
    await near.setLocalDescription();
    await far.setRemoteDescription(near.localDescription!);
    await far.setLocalDescription();
    await near.setRemoteDescription(far.localDescription!);
    const track = (kind: string): { mediaStreamTrack: MediaStreamTrack } | undefined => {
      const mediaStreamTrack = received.find((candidate) => candidate.kind === kind);
      return mediaStreamTrack && { mediaStreamTrack };
    };
    const room = {
      participants: [{ id: 'far', audioTrack: track('audio'), videoTrack: track('video') }],
      timings: { joinCalled: 0 },
    };
    Object.assign(document.querySelector('quiet-room')!, { room });
  }, constraints);
}

/** In a loop everybody is their own echo, which the browser would rightly cancel. */
const CAPTURE: MediaStreamConstraints = {
  audio: { echoCancellation: false },
  video: { width: 640, height: 360 },
};

describe('the measuring instruments', () => {
  let participant: Participant;

  afterEach(async () => {
    await participant.close();
  });

  describe('with a red person who plays 440 Hz', () => {
    beforeEach(async () => {
      participant = await Participant.start(RED);
    });

    test('know the person by eye and ear, after the browser’s noise suppression', async () => {
      await loop(participant, CAPTURE);
      await participant.meets(1);
      // Noise suppression takes its time to make up its mind.
      await participant.page.waitForTimeout(6_000);
      expect(await participant.tiles()).toEqual([{ seen: 'red', heard: 'red' }]);
      await expect(participant.sees(RED, [], 1_000)).resolves.toBeGreaterThan(0);
      await expect(participant.sees(RED, ['far'], 200)).rejects.toThrow('not within');
      await expect(participant.sees(GREEN, [], 200)).rejects.toThrow('not within');
      await expect(participant.misses('far', 200)).rejects.toThrow('not within');
    });

    test('hear nobody in a muted microphone, and see nobody in a stopped camera', async () => {
      await loop(participant, CAPTURE);
      await participant.meets(1);
      await participant.page.evaluate(() => {
        for (const player of document.querySelectorAll('audio')) player.muted = true;
        for (const player of document.querySelectorAll('video')) player.hidden = true;
      });
      expect(await participant.tiles()).toEqual([{ seen: 'nobody', heard: 'nobody' }]);
    });
  });

  test('hear two people where two people’s sound was mixed', async () => {
    participant = await Participant.start(BLUE);
    await participant.page.route('http://localhost/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><quiet-room></quiet-room>' }),
    );
    await participant.open('http://localhost/');
    await participant.page.evaluate(
      (frequencies) => {
        const context = new AudioContext();
        const output = context.createMediaStreamDestination();
        for (const frequency of frequencies) {
          const tone = context.createOscillator();
          const quieter = context.createGain();
          quieter.gain.value = 0.2;
          tone.frequency.value = frequency;
          tone.connect(quieter).connect(output);
          tone.start();
        }
        const player = document.createElement('audio');
        player.autoplay = true;
        document.body.append(player);
        player.srcObject = output.stream;
        const [mediaStreamTrack] = output.stream.getAudioTracks();
        const room = {
          participants: [{ id: 'mixed', audioTrack: { mediaStreamTrack } }],
          timings: {},
        };
        Object.assign(document.querySelector('quiet-room')!, { room });
      },
      [RED.frequency, GREEN.frequency],
    );
    expect(await participant.tiles()).toEqual([{ seen: 'nobody', heard: 'red and green' }]);
  });
});
