/**
 * Runs in the page before its own scripts: what is shared is a picture that moves, and
 * a tone of 980 Hz. A browser without a window system has no screen to choose.
 */
export function sharePaintedScreen(): void {
  // An empty page has no devices.
  if (!('mediaDevices' in navigator)) return;
  navigator.mediaDevices.getDisplayMedia = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 360;
    const pen = canvas.getContext('2d', { alpha: false });
    if (pen === null) throw new Error('the page gives no 2d canvas');
    let frame = 0;
    setInterval(() => {
      frame += 1;
      pen.fillStyle = '#20a040';
      pen.fillRect(0, 0, 640, 360);
      pen.fillStyle = '#ffffff';
      pen.fillRect((frame * 8) % 640, 0, 16, 16);
    }, 100);
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 980 });
    const sound = context.createMediaStreamDestination();
    tone.connect(sound);
    tone.start();
    const tracks = [...canvas.captureStream().getTracks(), ...sound.stream.getTracks()];
    return Promise.resolve(new MediaStream(tracks));
  };
}

/** Runs in the page: by how many dB the tone of the only shared screen stands out. */
export async function toneOfScreen(): Promise<number> {
  const track = document
    .querySelector('quiet-room')
    ?.room?.participants.find(({ screenAudioTrack }) => screenAudioTrack !== undefined)
    ?.screenAudioTrack?.mediaStreamTrack;
  if (track === undefined) return 0;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  const level = (frequency: number): number => {
    const bin = Math.round((frequency * analyser.fftSize) / context.sampleRate);
    return Math.max(-200, ...spectrum.subarray(bin - 2, bin + 3));
  };
  const above = level(980) - level(1490);
  await context.close();
  return above;
}
