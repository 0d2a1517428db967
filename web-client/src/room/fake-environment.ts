import { vi } from 'vitest';
import type { Environment } from '../browser/environment';
import { Timers } from '../browser/timers';
import { FakeWorker } from '../e2ee/fake-worker';
import { FakeMediaStream, FakeTrack, fakeStream } from '../media/fake-track';
import { FakeSocket } from '../signaling/fake-socket';

/** A browser of which only what a room sees is there. */
export class FakeEnvironment implements Environment {
  readonly scope = {
    isSecureContext: true,
    RTCPeerConnection: vi.fn(),
    RTCRtpScriptTransform: vi.fn(),
  };
  readonly page = 'https://clinic.example/';
  readonly timers = new Timers();
  readonly worker = new FakeWorker();
  readonly fetch = vi.fn<typeof fetch>();
  /** The newest. */
  socket = new FakeSocket();
  /** The newest. */
  connection = new FakePeerConnection();
  readonly microphone = new FakeTrack('audio');
  readonly camera = new FakeTrack('video');
  readonly getUserMedia = vi.fn<(constraints?: MediaStreamConstraints) => Promise<MediaStream>>(
    () => Promise.resolve(fakeStream(this.microphone, this.camera)),
  );
  readonly screen = new FakeTrack('video');
  readonly screenAudio = new FakeTrack('audio');
  readonly getDisplayMedia = vi.fn<() => Promise<MediaStream>>(() =>
    Promise.resolve(fakeStream(this.screen, this.screenAudio)),
  );
  readonly devices = {
    mediaDevices: { getUserMedia: this.getUserMedia, getDisplayMedia: this.getDisplayMedia },
  };
  configuration: RTCConfiguration | undefined;
  socketAddress: string | undefined;
  hidePage: (() => void) | undefined;
  changeNetwork: (() => void) | undefined;
  #now = 0;
  /** Of the peer connections before the newest. */
  #formerTransforms = 0;

  now(): number {
    return ++this.#now;
  }

  /** Lets so many ms pass. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  openSocket(address: URL): FakeSocket {
    if (this.socketAddress !== undefined) this.socket = new FakeSocket();
    this.socketAddress = address.href;
    return this.socket;
  }

  createPeerConnection(configuration: RTCConfiguration): RTCPeerConnection {
    if (this.configuration !== undefined) {
      this.#formerTransforms += this.connection.transceivers.length;
      this.connection = new FakePeerConnection();
    }
    this.configuration = configuration;
    return this.connection as unknown as RTCPeerConnection;
  }

  startWorker(): FakeWorker {
    return this.worker;
  }

  hasNetwork = true;

  isOffline(): boolean {
    return !this.hasNetwork;
  }

  onNetworkChange(listener: () => void): () => void {
    this.changeNetwork = listener;
    return () => {
      this.changeNetwork = undefined;
    };
  }

  onPageHide(listener: () => void): () => void {
    this.hidePage = listener;
    return () => {
      this.hidePage = undefined;
    };
  }

  /** The worker loads and takes over the transforms made so far. */
  startTransforms(): void {
    this.worker.report({ type: 'ready' });
    this.connection.transceivers.forEach((_, index) => {
      this.worker.report({ type: 'transform-ready', id: this.#formerTransforms + index + 1 });
    });
  }
}

/** The id of everybody's stay, as {@link stubGlobals} has it chosen. */
export const OWN_ID = '7854bdd8ddc00b91';

/** What the browser's global scope must have for a peer to be built. */
export function stubGlobals(): void {
  vi.stubGlobal('RTCRtpScriptTransform', vi.fn());
  const getRandomValues = (bytes: Uint8Array): Uint8Array => bytes.fill(0x11);
  vi.stubGlobal('crypto', { subtle: crypto.subtle, getRandomValues });
  const capabilities = { getCapabilities: () => null };
  vi.stubGlobal('RTCRtpSender', capabilities);
  vi.stubGlobal('RTCRtpReceiver', capabilities);
  vi.stubGlobal('MediaStream', FakeMediaStream);
}

/** A peer connection that connects at the test's word. */
export class FakePeerConnection extends EventTarget {
  readonly transceivers: FakeTransceiver[] = [];
  connectionState: RTCPeerConnectionState = 'new';
  signalingState: RTCSignalingState = 'stable';
  localDescription: { sdp: string } | null = null;
  configuration: RTCConfiguration | undefined;
  /** Those that were taken, oldest first. */
  readonly answers: string[] = [];
  offers = 0;
  /** How often new ICE credentials were asked for. */
  restarts = 0;
  bytesReceived = 0;
  /** Of the relay in use; absent: it is not known what is. */
  relayProtocol: string | undefined;
  /** Whether checks by the relay are answered. */
  isAnswered = true;
  isClosed = false;
  refuseAnswer = false;
  refuseTransceivers = false;

  addTransceiver(kind: 'audio' | 'video', init: RTCRtpTransceiverInit): FakeTransceiver {
    if (this.refuseTransceivers) throw new DOMException('no more', 'OperationError');
    const transceiver = new FakeTransceiver(kind, init.direction ?? 'sendrecv');
    this.transceivers.push(transceiver);
    return transceiver;
  }

  restartIce(): void {
    this.restarts += 1;
  }

  getStats(): Promise<Map<string, object>> {
    const { bytesReceived, relayProtocol, isAnswered } = this;
    const pair = {
      type: 'candidate-pair',
      state: isAnswered ? 'succeeded' : 'in-progress',
      selected: true,
      localCandidateId: 'local',
      bytesReceived,
    };
    const reports = new Map<string, object>([['pair', pair]]);
    const relay = { type: 'local-candidate', candidateType: 'relay', relayProtocol };
    if (relayProtocol !== undefined) reports.set('local', relay);
    return Promise.resolve(reports);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  setLocalDescription(description?: RTCSessionDescriptionInit): Promise<void> {
    if (description?.type === 'rollback') {
      this.signalingState = 'stable';
      return Promise.resolve();
    }
    this.offers += 1;
    this.transceivers.forEach((transceiver, index) => {
      transceiver.mid = String(index);
    });
    this.localDescription = { sdp: 'offer' };
    this.signalingState = 'have-local-offer';
    return Promise.resolve();
  }

  setRemoteDescription({ sdp }: RTCSessionDescriptionInit): Promise<void> {
    if (this.refuseAnswer) return Promise.reject(new Error('does not fit'));
    this.answers.push(sdp ?? '');
    this.signalingState = 'stable';
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }
}

class FakeTransceiver {
  mid: string | null = null;
  readonly sender = {
    track: null as MediaStreamTrack | null,
    getParameters: () => ({ encodings: [{}, {}] }),
    setParameters: vi.fn<(parameters: object, options?: object) => Promise<void>>(() =>
      Promise.resolve(),
    ),
    transform: null,
    replaceTrack(track: MediaStreamTrack | null): Promise<void> {
      this.track = track;
      return Promise.resolve();
    },
  };
  readonly receiver;

  constructor(
    readonly kind: 'audio' | 'video',
    readonly direction: RTCRtpTransceiverDirection,
  ) {
    this.receiver = { transform: null, track: new FakeTrack(kind).asTrack() };
  }

  setCodecPreferences(): void {
    // A fake has no codecs.
  }
}
