import type { TransformEnd, WorkerReport } from '../../src/e2ee/messages';
import { Transforms, type TransformInterface } from '../../src/e2ee/transforms';
import type { EpochKeys } from '../../src/e2ee/worker/sframe/key-ring';
import { peerConfiguration } from '../../src/transport/configuration';

/** How the two ends of a call are set up. */
export interface CallOptions {
  /** A video codec's name, as `VP8`. */
  readonly codec: string;
  readonly transformInterface: TransformInterface;
  /** As the client makes its peer connections, or without Chromium's flag. */
  readonly heldBack: boolean;
  /** When the transforms of Alice's senders are set, in ms after the tracks are attached. */
  readonly transformsAfter: number;
  /** How long Alice's worker hangs when it starts, in ms. */
  readonly workerHangs: number;
  /** Bits a second at the most, for every picture. */
  readonly maxBitrate: number;
}

/** One end's keys for an epoch, each made from a number. */
export interface TestKeys {
  readonly epoch: number;
  readonly group: number;
}

/** What came in at an end so far. */
export interface Received {
  readonly audioPackets: number;
  readonly audioEnergy: number;
  readonly videoPackets: number;
  readonly framesDecoded: number;
  readonly keyFramesDecoded: number;
  readonly freezeSeconds: number;
  readonly decoder: string;
}

type Name = 'alice' | 'bob';

/** Two peer connections of one page, each with a worker and transforms of its own. */
export class Call {
  readonly #ends: Record<Name, End>;

  private constructor(alice: End, bob: End) {
    this.#ends = { alice, bob };
  }

  static async start(options: CallOptions): Promise<Call> {
    const media = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: 640, height: 480, frameRate: 30 },
    });
    const alice = new End(options, media);
    const bob = new End({ ...options, transformsAfter: 0, workerHangs: 0 }, media);
    alice.addSenders();
    alice.addReceivers();
    await alice.connection.setLocalDescription();
    await gathered(alice.connection);
    await bob.connection.setRemoteDescription(alice.connection.localDescription!);
    bob.adoptTransceivers();
    await bob.connection.setLocalDescription();
    await gathered(bob.connection);
    await alice.connection.setRemoteDescription(bob.connection.localDescription!);
    await connected(alice.connection);
    return new Call(alice, bob);
  }

  installKeys(name: Name, keys: TestKeys): void {
    this.#ends[name].installKeys(name === 'alice' ? ALICE_LEAF : BOB_LEAF, keys);
  }

  received(name: Name): Promise<Received> {
    return this.#ends[name].received();
  }

  /** What the page was told by an end's worker, but for counts. */
  reports(name: Name): readonly WorkerReport[] {
    return this.#ends[name].reports;
  }

  async counts(name: Name): Promise<{ kind: string; taken: number; passed: number }[]> {
    const counts = await this.#ends[name].transforms.countFrames();
    return counts.map(({ options, taken, passed }) => ({
      kind: options.direction === 'send' ? `send ${options.source}` : `receive ${options.kind}`,
      taken,
      passed,
    }));
  }

  /** The codec of each payload type that either end sends. */
  payloadTypes(): [payloadType: number, mimeType: string][] {
    return Object.values(this.#ends).flatMap(({ connection }) =>
      connection.getSenders().flatMap((sender) =>
        sender.getParameters().codecs.map(({ payloadType, mimeType }) => {
          const codec: [number, string] = [payloadType, mimeType];
          return codec;
        }),
      ),
    );
  }

  killWorker(name: Name): void {
    this.#ends[name].worker.terminate();
  }

  /** Puts a second transform on each of Alice's senders. */
  transformAgain(): void {
    this.#ends.alice.transformSenders();
  }

  /** Sends other tracks of the same devices from Alice's senders. */
  replaceTracks(): Promise<void> {
    return this.#ends.alice.replaceTracks();
  }

  /** Takes Alice's tracks off their senders, or puts them back. */
  attach(isAttached: boolean): Promise<void> {
    return this.#ends.alice.attach(isAttached);
  }

  /** Mutes Alice's tracks as a page does. */
  mute(isMuted: boolean): void {
    this.#ends.alice.mute(isMuted);
  }

  /** Adds a camera to Alice's connection in the middle of the call. */
  async addCamera(): Promise<void> {
    const { alice, bob } = this.#ends;
    alice.addSender('video', 'screen');
    await alice.connection.setLocalDescription();
    await bob.connection.setRemoteDescription(alice.connection.localDescription!);
    bob.adoptTransceivers();
    await bob.connection.setLocalDescription();
    await alice.connection.setRemoteDescription(bob.connection.localDescription!);
  }

  close(): void {
    this.#ends.alice.close();
    this.#ends.bob.close();
  }
}

/** Members' leaves; unlikely bytes, so that key ids can be told in a dump. */
const ALICE_LEAF = 0xab;
const BOB_LEAF = 0xbc;

class End {
  readonly connection: RTCPeerConnection;
  readonly worker: Worker;
  readonly transforms: Transforms;
  readonly reports: WorkerReport[] = [];
  readonly #options: CallOptions;
  readonly #media: MediaStream;
  readonly #senders: { sender: RTCRtpSender; end: TransformEnd }[] = [];
  readonly #adopted = new Set<RTCRtpTransceiver>();
  readonly #players: HTMLVideoElement[] = [];
  #slots = 0;

  constructor(options: CallOptions, media: MediaStream) {
    this.#options = options;
    this.#media = media;
    this.connection = new RTCPeerConnection(options.heldBack ? peerConfiguration([]) : {});
    this.worker = new Worker(new URL('./keyed-worker/worker.ts', import.meta.url), {
      type: 'module',
    });
    this.worker.postMessage({ type: 'hang', duration: options.workerHangs });
    this.worker.addEventListener('message', ({ data }: MessageEvent<WorkerReport>) => {
      if (data.type !== 'frame-counts') this.reports.push(data);
    });
    this.transforms = new Transforms(this.worker, options.transformInterface);
  }

  addSenders(): void {
    this.addSender('audio', 'microphone');
    this.addSender('video', 'camera');
  }

  addSender(kind: 'audio' | 'video', source: 'microphone' | 'camera' | 'screen'): void {
    const transceiver = this.connection.addTransceiver(kind, {
      direction: 'sendonly',
      sendEncodings: kind === 'video' ? [{ maxBitrate: this.#options.maxBitrate }] : [],
    });
    if (kind === 'video') this.#preferCodec(transceiver);
    this.#startSender(transceiver, { direction: 'send', source });
  }

  addReceivers(): void {
    for (const kind of ['audio', 'video'] as const) {
      const transceiver = this.connection.addTransceiver(kind, { direction: 'recvonly' });
      if (kind === 'video') this.#preferCodec(transceiver);
      this.#startReceiver(transceiver.receiver, kind);
    }
  }

  /** Answers what the other end offered: it receives what is sent, and sends what is asked for. */
  adoptTransceivers(): void {
    for (const transceiver of this.connection.getTransceivers()) {
      if (this.#adopted.has(transceiver)) continue;
      this.#adopted.add(transceiver);
      const kind = transceiver.receiver.track.kind as 'audio' | 'video';
      const index = this.connection.getTransceivers().indexOf(transceiver);
      if (index === 2 || index === 3) {
        transceiver.direction = 'sendonly';
        const source = kind === 'audio' ? 'microphone' : 'camera';
        this.#startSender(transceiver, { direction: 'send', source });
      } else this.#startReceiver(transceiver.receiver, kind);
    }
  }

  installKeys(ownLeaf: number, { epoch, group }: TestKeys): void {
    const baseKey = new Uint8Array(32).fill(group);
    new DataView(baseKey.buffer).setUint32(0, epoch);
    const members = new Map([[ownLeaf, 'member']]);
    const keys = { epoch: BigInt(epoch), baseKey, ownLeaf, leafCount: 256, members };
    this.worker.postMessage({ type: 'install', keys: keys satisfies EpochKeys });
  }

  transformSenders(): void {
    for (const { sender, end } of this.#senders) {
      this.transforms.install(sender, end).catch(() => undefined);
    }
  }

  async replaceTracks(): Promise<void> {
    for (const { sender } of this.#senders) {
      await sender.replaceTrack(sender.track?.clone() ?? null);
    }
  }

  async attach(isAttached: boolean): Promise<void> {
    for (const { sender, end } of this.#senders) {
      if (end.direction === 'send') {
        await sender.replaceTrack(isAttached ? this.#track(end.source) : null);
      }
    }
  }

  mute(isMuted: boolean): void {
    for (const { sender } of this.#senders) {
      if (sender.track !== null) sender.track.enabled = !isMuted;
    }
  }

  async received(): Promise<Received> {
    const received = {
      audioPackets: 0,
      audioEnergy: 0,
      videoPackets: 0,
      framesDecoded: 0,
      keyFramesDecoded: 0,
      freezeSeconds: 0,
      decoder: '',
    };
    const report = await this.connection.getStats();
    const entries = [...(report.values() as Iterable<Record<string, unknown>>)];
    for (const entry of entries) {
      if (entry['type'] !== 'inbound-rtp') continue;
      const number = (name: string): number => (entry[name] as number | undefined) ?? 0;
      if (entry['kind'] === 'audio') {
        received.audioPackets += number('packetsReceived');
        received.audioEnergy += number('totalAudioEnergy');
      } else {
        received.videoPackets += number('packetsReceived');
        received.framesDecoded += number('framesDecoded');
        received.keyFramesDecoded += number('keyFramesDecoded');
        received.freezeSeconds += number('totalFreezesDuration');
        const codec = entries.find(({ id }) => id === entry['codecId']);
        received.decoder = (codec?.['mimeType'] as string | undefined) ?? received.decoder;
      }
    }
    return received;
  }

  close(): void {
    this.transforms.close();
    this.connection.close();
    for (const player of this.#players) player.remove();
    for (const { sender } of this.#senders) sender.track?.stop();
    for (const track of this.#media.getTracks()) track.stop();
  }

  #startSender(transceiver: RTCRtpTransceiver, end: TransformEnd & { direction: 'send' }): void {
    const { sender } = transceiver;
    this.#senders.push({ sender, end });
    void sender.replaceTrack(this.#track(end.source));
    const install = (): void => {
      this.transforms.install(sender, end).catch(() => undefined);
    };
    // At once, as the client does it, means in the same task.
    if (this.#options.transformsAfter === 0) install();
    else setTimeout(install, this.#options.transformsAfter);
  }

  #startReceiver(receiver: RTCRtpReceiver, kind: 'audio' | 'video'): void {
    const slot = this.#slots++;
    this.transforms.install(receiver, { direction: 'receive', kind, slot }).catch(() => undefined);
    const player = document.createElement('video');
    player.srcObject = new MediaStream([receiver.track]);
    document.body.append(player);
    player.play().catch(() => undefined);
    this.#players.push(player);
  }

  #track(source: string): MediaStreamTrack {
    const tracks =
      source === 'microphone' ? this.#media.getAudioTracks() : this.#media.getVideoTracks();
    return tracks[0]!.clone();
  }

  #preferCodec(transceiver: RTCRtpTransceiver): void {
    const wanted = [`video/${this.#options.codec}`.toLowerCase(), 'video/rtx'];
    const codecs = RTCRtpReceiver.getCapabilities('video')!.codecs.filter(({ mimeType }) =>
      wanted.includes(mimeType.toLowerCase()),
    );
    transceiver.setCodecPreferences(codecs);
  }
}

function gathered(connection: RTCPeerConnection): Promise<void> {
  return when(connection, 'icegatheringstatechange', () => {
    return connection.iceGatheringState === 'complete';
  });
}

function connected(connection: RTCPeerConnection): Promise<void> {
  return when(connection, 'connectionstatechange', () => {
    return connection.connectionState === 'connected';
  });
}

function when(target: EventTarget, event: string, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (!isSo()) return;
      target.removeEventListener(event, check);
      resolve();
    };
    target.addEventListener(event, check);
    check();
  });
}

declare global {
  interface Window {
    /** The call under test; its methods are what a test may do to it. */
    call: Call;
    startCall(options: CallOptions): Promise<void>;
  }
}

window.startCall = async (options) => {
  window.call = await Call.start(options);
};
