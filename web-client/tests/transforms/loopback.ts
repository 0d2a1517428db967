import { Transforms } from '../../src/e2ee/transforms';
import { requireTransformInterface } from '../../src/browser/features';
import { peerConfiguration } from '../../src/transport/configuration';

/** How a client's peer connection and one that echoes its media are set up in this page. */
export interface LoopbackOptions {
  /** As the client makes its peer connections, or without Chromium's flag. */
  readonly heldBack: boolean;
  /** Which worker gets the frames; none leaves the ends bare. */
  readonly worker: 'without-keys' | 'never-ready' | 'none';
  readonly transformInterface: 'detected' | 'encoded-streams';
  /** Attaches the tracks without waiting for the worker. */
  readonly attachAtOnce: boolean;
  /** How long to let media flow, in ms. */
  readonly duration: number;
}

/** What came in at one end. */
export interface Inbound {
  readonly audioPackets: number;
  readonly videoPackets: number;
  readonly videoFramesDecoded: number;
}

/** What came of it. */
export interface LoopbackResult {
  readonly connected: boolean;
  readonly workerReady: boolean;
  readonly transformInterface: string;
  /** What the client let out, as seen by the echo, whose connection is a plain one. */
  readonly sent: Inbound;
  /** What the client took of what the echo sent back. */
  readonly received: Inbound;
}

declare global {
  interface Window {
    runLoopback: typeof runLoopback;
  }
}

window.runLoopback = runLoopback;

async function runLoopback(options: LoopbackOptions): Promise<LoopbackResult> {
  const transformInterface =
    options.transformInterface === 'detected'
      ? requireTransformInterface(window)
      : options.transformInterface;
  const client = new RTCPeerConnection(options.heldBack ? peerConfiguration([]) : {});
  const echo = new RTCPeerConnection();
  const transforms =
    options.worker === 'none' ? undefined : new Transforms(makeWorker(options), transformInterface);
  const installed: Promise<void>[] = [];

  const senders = KINDS.map((kind) => {
    const { sender } = client.addTransceiver(kind, { direction: 'sendonly' });
    const source = kind === 'audio' ? 'microphone' : 'camera';
    if (transforms !== undefined) {
      installed.push(transforms.install(sender, { direction: 'send', source }));
    }
    return sender;
  });
  const receivers = KINDS.map((kind) => {
    const { receiver } = client.addTransceiver(kind, { direction: 'recvonly' });
    if (transforms !== undefined) {
      installed.push(transforms.install(receiver, { direction: 'receive', kind, slot: 0 }));
    }
    return receiver;
  });
  await client.setLocalDescription();
  await gathered(client);
  await echo.setRemoteDescription(client.localDescription!);
  const [microphone, camera, audioSlot, videoSlot] = echo.getTransceivers();
  audioSlot!.direction = 'sendonly';
  videoSlot!.direction = 'sendonly';
  await audioSlot!.sender.replaceTrack(microphone!.receiver.track);
  await videoSlot!.sender.replaceTrack(camera!.receiver.track);
  await echo.setLocalDescription();
  await gathered(echo);
  await client.setRemoteDescription(echo.localDescription!);

  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const attach = async (): Promise<void> => {
    await senders[0]!.replaceTrack(media.getAudioTracks()[0]!);
    await senders[1]!.replaceTrack(media.getVideoTracks()[0]!);
  };
  const progress = { workerReady: false };
  if (transforms !== undefined) {
    const attached = Promise.all(installed).then(async () => {
      progress.workerReady = true;
      await attach();
    });
    attached.catch(() => undefined);
  }
  if (options.attachAtOnce) await attach();

  const players = [echo.getReceivers().slice(0, 2), receivers].map(play);
  await pause(options.duration);

  const result = {
    connected: client.connectionState === 'connected',
    workerReady: progress.workerReady,
    transformInterface,
    sent: await readInbound(echo),
    received: await readInbound(client),
  };
  transforms?.close();
  client.close();
  echo.close();
  for (const player of players) player.remove();
  for (const track of media.getTracks()) track.stop();
  return result;
}

const KINDS = ['audio', 'video'] as const;

function makeWorker(options: LoopbackOptions): Worker {
  if (options.worker === 'never-ready') {
    return new Worker(new URL('./never-ready.ts', import.meta.url), { type: 'module' });
  }
  return new Worker(new URL('../../src/e2ee/worker/worker.ts', import.meta.url), {
    type: 'module',
  });
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (connection.iceGatheringState === 'complete') resolve();
    };
    connection.addEventListener('icegatheringstatechange', check);
    check();
  });
}

function play(receivers: readonly RTCRtpReceiver[]): HTMLVideoElement {
  const video = document.createElement('video');
  video.srcObject = new MediaStream(receivers.map((receiver) => receiver.track));
  document.body.append(video);
  video.play().catch(() => undefined);
  return video;
}

async function readInbound(connection: RTCPeerConnection): Promise<Inbound> {
  const inbound = { audioPackets: 0, videoPackets: 0, videoFramesDecoded: 0 };
  const report = await connection.getStats();
  for (const entry of report.values() as Iterable<RTCInboundRtpStreamStats>) {
    if (entry.type !== 'inbound-rtp') continue;
    if (entry.kind === 'audio') inbound.audioPackets += entry.packetsReceived ?? 0;
    else {
      inbound.videoPackets += entry.packetsReceived ?? 0;
      inbound.videoFramesDecoded += entry.framesDecoded ?? 0;
    }
  }
  return inbound;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
