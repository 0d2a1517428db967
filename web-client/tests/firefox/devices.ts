import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeVoice } from '../network/voice';
import type { FirefoxParticipant } from './firefox';

/**
 * Gives somebody with Firefox, in place of its fake devices, a voice at a pitch
 * (Hz) and a camera whose picture has a grain: both cost what they cost in life.
 */
export async function speakBeforeACamera(
  firefox: FirefoxParticipant,
  pitch: number,
  size: { readonly width: number; readonly height: number },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quietroom-voice-'));
  const path = join(folder, 'voice.wav');
  await writeVoice(path, pitch);
  const voice = (await readFile(path)).toString('base64');
  await rm(folder, { recursive: true });
  await firefox.prepare(playVoiceAndGrain, voice, size.width, size.height);
}

/** Runs in the page before its own scripts. `voice` is a WAVE file in base64. */
function playVoiceAndGrain(voice: string, width: number, height: number): void {
  // An empty page has no devices.
  if (!('mediaDevices' in navigator)) return;
  let devices: Promise<MediaStream> | undefined;

  const speak = async (): Promise<MediaStreamTrack[]> => {
    const context = new AudioContext();
    const file = Uint8Array.from(atob(voice), (letter) => letter.charCodeAt(0));
    const buffer = await context.decodeAudioData(file.buffer);
    const source = new AudioBufferSourceNode(context, { buffer, loop: true });
    const sound = context.createMediaStreamDestination();
    source.connect(sound);
    source.start();
    return sound.stream.getAudioTracks();
  };

  const grains = (): HTMLCanvasElement => {
    const canvas = document.createElement('canvas');
    canvas.width = 240;
    canvas.height = 240;
    const pen = canvas.getContext('2d', { alpha: false });
    const pixels = new ImageData(canvas.width, canvas.height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const grain = (Math.random() - 0.5) * 24;
      pixels.data.set([30 + grain, 170 + grain, 50 + grain, 255], at);
    }
    pen?.putImageData(pixels, 0, 0);
    return canvas;
  };

  const look = (): MediaStreamTrack[] => {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext('2d', { alpha: false });
    if (pen === null) throw new Error('the page gives no 2d canvas');
    pen.imageSmoothingEnabled = false;
    const pictures = Array.from({ length: 8 }, grains);
    let frame = 0;
    setInterval(() => {
      const picture = pictures[frame++ % pictures.length];
      if (picture !== undefined) pen.drawImage(picture, 0, 0, width, height);
    }, 1_000 / 15);
    // Firefox leaves out every third picture if told as many a second as there are.
    return canvas.captureStream().getVideoTracks();
  };

  navigator.mediaDevices.getUserMedia = async (constraints) => {
    devices ??= speak().then((sound) => new MediaStream([...sound, ...look()]));
    const all = await devices;
    const tracks = [
      ...(constraints?.audio ? all.getAudioTracks() : []),
      ...(constraints?.video ? all.getVideoTracks() : []),
    ];
    return new MediaStream(tracks.map((track) => track.clone()));
  };
}
