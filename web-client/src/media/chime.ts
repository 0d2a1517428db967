/**
 * Plays three rising tones, by the loudspeaker `speakerId` if it is given and
 * the browser can choose one. To be called while a press is handled; resolves
 * when they are over. `element` must be in the page.
 */
export async function playChime(
  element: HTMLAudioElement,
  speakerId: string | undefined,
): Promise<void> {
  const context = new AudioContext();
  try {
    const end = context.createMediaStreamDestination();
    element.srcObject = end.stream;
    if (speakerId !== undefined && 'setSinkId' in element) {
      await element.setSinkId(speakerId).catch(() => undefined);
    }
    await Promise.all([element.play(), context.resume()]);
    const start = context.currentTime + LEAD;
    TONES.forEach((frequency, index) => {
      ring(context, end, frequency, start + index * TONE);
    });
    const length = LEAD + TONES.length * TONE + FADING;
    await new Promise((resolve) => setTimeout(resolve, length * 1000));
  } finally {
    element.srcObject = null;
    await context.close();
  }
}

function ring(context: AudioContext, end: AudioNode, frequency: number, at: number): void {
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, at + TONE + FADING);
  const tone = new OscillatorNode(context, { frequency });
  tone.connect(volume).connect(end);
  tone.start(at);
  tone.stop(at + TONE + FADING);
}

/** C, E and G, in Hz. */
const TONES = [523.25, 659.25, 783.99];
const LOUDNESS = 0.35;
/** In seconds. */
const LEAD = 0.1;
const TONE = 0.28;
const FADING = 0.4;
