import type { Participant } from '../browser/participant';

/** Takes part without encryption, as a page that is not ours could where the server allows it. */
export async function joinInTheClear(
  participant: Participant,
  origin: string,
  token: string,
): Promise<void> {
  const { page } = participant;
  // Without a token it only waits.
  await page.goto(origin);
  await page.evaluate(join, token);
}

/** Runs in the page: serialised as a whole, so it uses nothing from outside itself. */
async function join(token: string): Promise<void> {
  const socket = new WebSocket('/v1/signal', 'quietroom.v1');
  const next = (type: string): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      const take = ({ data }: MessageEvent<string>): void => {
        const message = JSON.parse(data) as Record<string, unknown>;
        if (message['type'] !== type) return;
        socket.removeEventListener('message', take);
        resolve(message);
      };
      socket.addEventListener('message', take);
    });
  const send = (message: unknown): void => {
    socket.send(JSON.stringify(message));
  };
  await new Promise((resolve) => {
    socket.addEventListener('open', resolve);
  });
  const joined = next('joined');
  send({ type: 'join', token });
  const slots = (await joined)['slots'] as number;

  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const capture = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false },
    video: { width: 640, height: 360 },
  });
  const sending = capture.getTracks().map((track) => {
    return connection.addTransceiver(track, { direction: 'sendonly', streams: [capture] });
  });
  const pairs = Array.from({ length: slots }, () => ({
    audio: connection.addTransceiver('audio', { direction: 'recvonly' }),
    video: connection.addTransceiver('video', { direction: 'recvonly' }),
  }));
  const vp8 = RTCRtpReceiver.getCapabilities('video')?.codecs.filter(({ mimeType }) =>
    /\/(vp8|rtx)$/i.test(mimeType),
  );
  for (const transceiver of connection.getTransceivers()) {
    if (transceiver.receiver.track.kind === 'video') transceiver.setCodecPreferences(vp8 ?? []);
  }
  await connection.setLocalDescription();
  const answer = next('answer');
  send({
    type: 'offer',
    sdp: connection.localDescription?.sdp,
    publications: sending.map(({ mid, sender }) => ({
      mid,
      source: sender.track?.kind === 'audio' ? 'microphone' : 'camera',
    })),
    slots: pairs.map(({ audio, video }) => ({ audio: audio.mid, video: video.mid })),
  });
  const { sdp } = (await answer) as { sdp: string };
  // Redundant sound, as our client sends it among browsers that all take it.
  const redFirst = sdp.replaceAll('UDP/TLS/RTP/SAVPF 111 63', 'UDP/TLS/RTP/SAVPF 63 111');
  await connection.setRemoteDescription({ type: 'answer', sdp: redFirst });
  send({ type: 'media', microphone: true, camera: true });
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (connection.connectionState === 'connected') resolve();
    };
    connection.addEventListener('connectionstatechange', look);
    look();
  });
}
