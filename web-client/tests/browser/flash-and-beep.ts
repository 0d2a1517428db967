/** When flashes were shown and beeps heard, by the page's `performance.now()`, in ms. */
export interface Perceived {
  readonly flashes: readonly number[];
  readonly beeps: readonly number[];
  /**
   * How much later than the picture the browser itself believes the sound to
   * be, by the clocks of the senders' reports, in ms; read now and then.
   */
  readonly believed: readonly number[];
}

/**
 * Runs in the page before its own scripts: in place of a camera and a
 * microphone it has a picture that flashes once a second and a tone that beeps
 * at the same moments, both by the clock of the sound.
 */
export function playFlashAndBeep(): void {
  const context = new AudioContext();
  const sound = context.createMediaStreamDestination();
  const oscillator = new OscillatorNode(context, { frequency: 1000 });
  const gain = new GainNode(context, { gain: 0 });
  oscillator.connect(gain).connect(sound);
  oscillator.start();
  const [length, ahead] = [0.1, 30];
  let planned = 1;
  const plan = (): void => {
    for (; planned < context.currentTime + ahead; planned += 1) {
      gain.gain.setValueAtTime(0.5, planned);
      gain.gain.setValueAtTime(0, planned + length);
    }
  };
  plan();
  setInterval(plan, 1000);

  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const pen = canvas.getContext('2d', { alpha: false });
  if (pen === null) throw new Error('the page gives no 2d canvas');
  let frame = 0;
  const paint = (): void => {
    // What is painted now is captured at once, as is the sound of now.
    const isFlash = context.currentTime >= 1 && context.currentTime % 1 < length;
    pen.fillStyle = isFlash ? '#fff' : '#000';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    // A picture that stands still would not be sent.
    pen.fillStyle = '#777';
    pen.fillRect((frame++ * 8) % canvas.width, canvas.height - 8, 8, 8);
  };
  setInterval(paint, 1000 / 30);
  const picture = canvas.captureStream(30);

  navigator.mediaDevices.getUserMedia = (constraints) => {
    const tracks = [
      ...(constraints?.audio ? sound.stream.getAudioTracks() : []),
      ...(constraints?.video ? picture.getVideoTracks() : []),
    ];
    return Promise.resolve(new MediaStream(tracks.map((track) => track.clone())));
  };
}

/**
 * Runs in the page: watches a video element's picture and listens to a track
 * for some milliseconds. `connections` are asked for what they believe.
 */
export async function perceive(
  video: HTMLVideoElement,
  voice: MediaStreamTrack,
  connections: readonly RTCPeerConnection[],
  milliseconds: number,
): Promise<Perceived> {
  const flashes: number[] = [];
  const beeps: number[] = [];
  const believed: number[] = [];
  const end = performance.now() + milliseconds;

  const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  if (pen === null) throw new Error('the page gives no 2d canvas');
  let wasBright = true;
  const watch = (_now: number, { expectedDisplayTime }: VideoFrameCallbackMetadata): void => {
    const { videoWidth: width, videoHeight: height } = video;
    pen.drawImage(video, width / 2, height / 2, 2, 2, 0, 0, 1, 1);
    const isBright = (pen.getImageData(0, 0, 1, 1).data[1] ?? 0) > 128;
    if (isBright && !wasBright) flashes.push(expectedDisplayTime);
    wasBright = isBright;
    if (performance.now() < end) video.requestVideoFrameCallback(watch);
  };
  video.requestVideoFrameCallback(watch);

  // What is heard is late by what a buffer of the page's takes, some 10 ms.
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 4096 });
  context.createMediaStreamSource(new MediaStream([voice])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let lastLoud = 0;
  let lastAsked = 0;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    analyser.getFloatTimeDomainData(samples);
    const [newest, now] = [context.currentTime, performance.now()];
    const time = (index: number): number => newest - (samples.length - index) / context.sampleRate;
    for (const [index, sample] of samples.entries()) {
      if (Math.abs(sample) < 0.05 || time(index) <= lastLoud) continue;
      if (time(index) > lastLoud + 0.4) beeps.push(now + (time(index) - newest) * 1000);
      lastLoud = time(index);
    }
    if (now < lastAsked + 200) continue;
    lastAsked = now;
    for (const connection of connections) {
      const played = new Map<string, number>();
      for (const report of (await connection.getStats()).values()) {
        const { type, kind, trackIdentifier, estimatedPlayoutTimestamp } =
          report as RTCInboundRtpStreamStats & { estimatedPlayoutTimestamp?: number };
        const isOurs = trackIdentifier === voice.id || isOf(video, trackIdentifier);
        if (type !== 'inbound-rtp' || !isOurs || estimatedPlayoutTimestamp === undefined) continue;
        played.set(kind, estimatedPlayoutTimestamp);
      }
      const [sound, picture] = [played.get('audio'), played.get('video')];
      if (sound !== undefined && picture !== undefined) believed.push(picture - sound);
    }
  }
  await context.close();
  return { flashes, beeps, believed };

  function isOf({ srcObject }: HTMLVideoElement, id: string): boolean {
    return srcObject instanceof MediaStream && srcObject.getVideoTracks()[0]?.id === id;
  }
}
