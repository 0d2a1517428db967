import type { Report } from './report';
import { Timers } from '../browser/timers';
import type { Transforms } from '../e2ee/transforms';
import { Emitter } from '../events';
import type { AudioCodec } from '../signaling/protocol/AudioCodec';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { IceServer } from '../signaling/protocol/IceServer';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { SlotSections } from '../signaling/protocol/SlotSections';
import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';
import type { VideoCodec } from '../signaling/protocol/VideoCodec';
import {
  cameraEncodings,
  chooseVideoCodec,
  codecPreferences,
  isWantedHeaderExtension,
  scalabilityMode,
  screenEncodings,
} from './codecs';
import { peerConfiguration } from './configuration';
import { Descriptions } from './descriptions';
import { pathInUse, type TransportPath } from './path';
import { chooseAudioCodec } from './redundancy';
import { RelayWatch } from './relay-watch';
import { RepairDelay } from './repair-delay';
import { SilenceWatch } from './silence';
import { UplinkReader, UplinkWatch, type UplinkSample } from './uplink';

/** The `offer` message. */
export type Offer = Extract<ClientMessage, { type: 'offer' }>;

/** A way out for one source's tracks. */
export interface TrackOutput {
  /**
   * Sends `track` from now on, or nothing. A track goes out only when the
   * worker has taken this sender's frames over; rejects with
   * `encryption-failed` when it cannot.
   */
  send(track: MediaStreamTrack | null): Promise<void>;
}

/** The two tracks that a slot's occupant comes in by. */
export interface SlotTracks {
  readonly audio: MediaStreamTrack;
  readonly video: MediaStreamTrack;
}

/** The slots that people are in, and those for their screens. */
export interface SlotsBy<T> {
  readonly people: T;
  readonly screens: T;
}

interface Slot {
  readonly audio: RTCRtpTransceiver;
  readonly video: RTCRtpTransceiver;
}

interface PeerEvents {
  connectionState: [state: RTCPeerConnectionState];
  /** Nothing comes any more where much came; the network may be another one. */
  silent: [];
  /** Of the camera as much goes out as the path takes, and that is another amount than before. */
  uplinkChanged: [capacity: UplinkCapacity];
  /** Media goes another way. */
  pathChanged: [path: TransportPath];
  /** Relays have refused to relay, and there is no other way. */
  refused: [];
}

/**
 * The peer connection with the server. Its sections are made once, so that
 * nothing is negotiated again: one for each source of ours, then an audio and
 * a video section for each slot.
 */
export class Peer extends Emitter<PeerEvents> {
  readonly #connection: RTCPeerConnection;
  readonly #descriptions: Descriptions;
  readonly #transforms: Transforms;
  readonly #publications: Record<PublicationSource, RTCRtpTransceiver>;
  readonly #preferredVideoCodec: VideoCodec;
  #slots: SlotsBy<readonly Slot[]> = { people: [], screens: [] };
  #isClosed = false;
  /** The last change of a sender's parameters: another may only begin when it is done. */
  #configured: Promise<void> = Promise.resolve();
  readonly #silence: SilenceWatch;
  readonly #repairDelay = new RepairDelay(
    () => this.statistics(),
    () => [...this.#slots.people, ...this.#slots.screens].map(({ video }) => video.receiver),
  );
  readonly #uplinkReader = new UplinkReader();
  readonly #uplink = new UplinkWatch(
    () => this.#sampleUplink(),
    (capacity, isThrifty) => {
      const isAnother = capacity !== this.#capacity;
      this.#capacity = capacity;
      this.#isThrifty = isThrifty;
      this.#applyActive('camera');
      if (!isAnother) return;
      this.emit('uplinkChanged', capacity);
    },
  );
  #capacity: UplinkCapacity = 'all';
  readonly #relays: RelayWatch;
  #isThrifty = false;
  readonly #iceTransportPolicy: RTCIceTransportPolicy;
  /** Those for the next ICE restart, if they are others than those in use. */
  #nextIceServers: readonly IceServer[] | undefined;
  #path: TransportPath | undefined;
  /** The highest layer that somebody takes of a picture; -1 of one that nobody sees. */
  readonly #highest = new Map<PublicationSource, number>();
  readonly #knownCodecs = new Map<CodingEnd, Partial<Record<'audio' | 'video', RTCRtpCodec[]>>>();
  readonly microphone: TrackOutput;
  readonly camera: TrackOutput;
  readonly screen: TrackOutput;
  readonly screenAudio: TrackOutput;

  constructor(
    connection: RTCPeerConnection,
    transforms: Transforms,
    preferredVideoCodec: VideoCodec = 'vp8',
    iceTransportPolicy: RTCIceTransportPolicy = 'all',
    timers = new Timers(),
  ) {
    super();
    this.#silence = new SilenceWatch(
      () => this.#received(),
      () => {
        this.emit('silent');
      },
      timers,
    );
    this.#iceTransportPolicy = iceTransportPolicy;
    this.#preferredVideoCodec = preferredVideoCodec;
    this.#connection = connection;
    this.#transforms = transforms;
    const microphone = this.#addSender('microphone', 'audio', []);
    const camera = this.#addSender('camera', 'video', cameraEncodings(preferredVideoCodec));
    const screen = this.#addSender('screen', 'video', screenEncodings());
    const screenAudio = this.#addSender('screen-audio', 'audio', []);
    this.#publications = {
      microphone: microphone.transceiver,
      camera: camera.transceiver,
      screen: screen.transceiver,
      'screen-audio': screenAudio.transceiver,
    };
    this.#descriptions = new Descriptions(connection, () =>
      [microphone, screenAudio].flatMap(({ transceiver }) => transceiver.mid ?? []),
    );
    this.microphone = microphone.output;
    this.camera = camera.output;
    this.screen = screen.output;
    this.screenAudio = screenAudio.output;
    connection.addEventListener('connectionstatechange', this.#handleConnectionState);
    this.#relays = new RelayWatch(connection, () => {
      if (this.state !== 'connected') this.emit('refused');
    });
  }

  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  /** Which way media goes; `undefined` before it does. */
  get path(): TransportPath | undefined {
    return this.#path;
  }

  /** What a relay said that refused to relay, if no other did; for a developer's console. */
  get relayRefusal(): string | undefined {
    return this.#relays.refusal;
  }

  /** Whether media has stopped coming, where much came before. */
  get isSilent(): boolean {
    return this.#silence.isSilent;
  }

  /** What is sent in each section, by its `a=mid`, once there is an offer. */
  get sources(): ReadonlyMap<string, PublicationSource> {
    const sections = ALL_SOURCES.flatMap((source) => {
      const { mid } = this.#publications[source];
      return mid === null ? [] : [[mid, source] as const];
    });
    return new Map(sections);
  }

  /** The browser's own reports, of all that is sent and received. */
  async statistics(): Promise<Report[]> {
    const reports: Report[] = [];
    (await this.#connection.getStats()).forEach((report: Report) => reports.push(report));
    return reports;
  }

  /**
   * Makes the slots, once, and returns their tracks in the order of the slots.
   * To transforms, screen slots go on where the others end.
   */
  addSlots({ people, screens }: SlotsBy<number>): SlotsBy<SlotTracks[]> {
    const add = (slot: number): Slot => ({
      audio: this.#addReceiver('audio', slot),
      video: this.#addReceiver('video', slot),
    });
    this.#slots = {
      people: Array.from({ length: people }, (_, index) => add(index)),
      screens: Array.from({ length: screens }, (_, index) => add(people + index)),
    };
    return { people: this.#slots.people.map(tracks), screens: this.#slots.screens.map(tracks) };
  }

  /**
   * Offers all sections. No candidates are waited for: the server is an
   * ICE-lite agent and learns ours from the checks (RFC 8445 §7.3.1.3).
   */
  async offer(iceServers: readonly IceServer[]): Promise<Offer> {
    if (iceServers.length > 0) this.#useIceServers(iceServers);
    return this.#describe(await this.#descriptions.offer());
  }

  /** As {@link Peer.offer}, to find another path to the server while media goes on as it can. */
  async restart(): Promise<Offer> {
    const sdp = await this.#descriptions.restart(() => {
      if (this.#nextIceServers !== undefined) this.#useIceServers(this.#nextIceServers);
      this.#nextIceServers = undefined;
    });
    return this.#describe(sdp);
  }

  /**
   * Takes relays for the next ICE restart. Before that they must not be known to
   * the browser, which would begin a restart with its next description.
   */
  setIceServers(iceServers: readonly IceServer[]): void {
    this.#nextIceServers = iceServers;
  }

  #useIceServers(iceServers: readonly IceServer[]): void {
    const configuration = peerConfiguration(iceServers, this.#iceTransportPolicy);
    this.#connection.setConfiguration(configuration);
  }

  /** Takes back an offer that the server refused. */
  withdraw(): Promise<void> {
    return this.#descriptions.withdraw();
  }

  /** Takes the server's answer; rejects if it does not fit the offer. */
  answer(sdp: string): Promise<void> {
    return this.#descriptions.answer(sdp);
  }

  /**
   * Takes note of what everyone can decode of sound, and sends it with
   * redundancy (RFC 2198) while that is among it.
   */
  setSoundDecodedByAll(codecs: readonly AudioCodec[]): Promise<void> {
    return this.#descriptions.sendSoundIn(chooseAudioCodec(codecs));
  }

  /**
   * Takes note of what everyone can decode, and sends the camera in the
   * preferred codec if that is one of these. Where the browser cannot change
   * the codec without another offer, it stays with the room's first.
   */
  async setDecodedByAll(codecs: readonly VideoCodec[]): Promise<void> {
    if (this.#preferredVideoCodec === 'vp8') return;
    const chosen = chooseVideoCodec(this.#preferredVideoCodec, codecs);
    await this.#configure('camera', (parameters) => {
      const codec = parameters.codecs.find(
        ({ mimeType }) => mimeType.toLowerCase() === `video/${chosen}`,
      );
      const [encoding] = parameters.encodings;
      if (codec === undefined || encoding === undefined) return undefined;
      encoding.codec = codec;
      encoding.scalabilityMode = scalabilityMode(chosen);
      return undefined;
    });
  }

  /**
   * Sends nothing of a picture that nobody sees, nor of its layers above the
   * `highest` that somebody takes, counted from 0; and starts it anew when
   * somebody does.
   */
  setWatched(source: PublicationSource, isWatched: boolean, highest = Infinity): void {
    this.#highest.set(source, isWatched ? highest : -1);
    this.#applyActive(source);
  }

  /** Has those layers go out that somebody takes and the path does, in as many bits as it does. */
  #applyActive(source: PublicationSource): void {
    const taken = this.#highest.get(source) ?? Infinity;
    const highest = source === 'camera' ? Math.min(taken, HIGHEST[this.#capacity]) : taken;
    void this.#configure(source, ({ encodings }) => {
      encodings.forEach((encoding, layer) => {
        encoding.active = layer <= highest;
      });
      const [least] = encodings;
      if (source === 'camera' && least !== undefined) {
        const usual = cameraEncodings(this.#preferredVideoCodec)[0]?.maxBitrate ?? THRIFTY;
        if (this.#isThrifty) least.maxBitrate = THRIFTY;
        else if (least.maxBitrate === THRIFTY) least.maxBitrate = usual;
      }
      return undefined;
    });
  }

  /** What is known of the way out; only while a picture of the camera goes out, or would. */
  async #sampleUplink(): Promise<UplinkSample | 'idle' | undefined> {
    if (this.#publications.camera.sender.track === null) return 'idle';
    if (this.#highest.get('camera') === -1 || this.state !== 'connected') return undefined;
    const reports = (await this.#connection.getStats()) as ReadonlyMap<string, Report>;
    return this.#uplinkReader.read(reports);
  }

  /**
   * Has each picture that is sent start anew, for those who can decrypt no
   * earlier one. Where the browser cannot, they ask for it themselves when
   * they have failed, which takes longer.
   */
  refreshPictures(): void {
    for (const source of ['camera', 'screen'] as const) {
      if (this.#publications[source].sender.track === null) continue;
      void this.#configure(source, ({ encodings }) => encodings.map(() => ({ keyFrame: true })));
    }
  }

  /** Changes a sender's parameters, one change after the other; what `change` returns is done once. */
  #configure(
    source: PublicationSource,
    change: (parameters: CodecParameters) => KeyFrames | undefined,
  ): Promise<void> {
    const configured = this.#configured.then(async () => {
      if (this.#isClosed) return;
      const sender: KeyFrameControl = this.#publications[source].sender;
      const parameters = sender.getParameters();
      const encodingOptions = change(parameters);
      await (encodingOptions === undefined
        ? sender.setParameters(parameters)
        : sender.setParameters(parameters, { encodingOptions }));
    });
    this.#configured = configured.catch(() => undefined);
    return this.#configured;
  }

  close(): void {
    this.#isClosed = true;
    this.#silence.stop();
    this.#repairDelay.stop();
    this.#uplink.stop();
    this.#relays.stop();
    this.#connection.removeEventListener('connectionstatechange', this.#handleConnectionState);
    this.#connection.close();
  }

  #describe(sdp: string): Offer {
    const { people, screens } = this.#slots;
    // Where no screen can be shared, the server may not know of any.
    const sources = screens.length > 0 ? ALL_SOURCES : DEVICE_SOURCES;
    return {
      type: 'offer',
      sdp,
      publications: sources.map((source) => ({
        mid: sectionId(this.#publications[source]),
        source,
      })),
      slots: people.map(slotSections),
      screenSlots: screens.map(slotSections),
    };
  }

  readonly #handleConnectionState = (): void => {
    const state = this.#connection.connectionState;
    if (state === 'connected') {
      void this.#received().catch(() => undefined);
      this.#silence.start();
      this.#repairDelay.start();
      this.#uplink.start();
    }
    this.emit('connectionState', state);
  };

  /** Bytes that have come so far, of whatever kind. Looks at the way that they came by, too. */
  async #received(): Promise<number> {
    let bytes = 0;
    const reports = (await this.#connection.getStats()) as ReadonlyMap<string, Report>;
    for (const { type, bytesReceived = 0 } of reports.values()) {
      if (type === 'candidate-pair') bytes += Number(bytesReceived);
    }
    const path = pathInUse(reports);
    if (path !== undefined && path !== this.#path && !this.#isClosed) {
      this.#path = path;
      this.emit('pathChanged', path);
    }
    return bytes;
  }

  #addSender(
    source: PublicationSource,
    kind: 'audio' | 'video',
    sendEncodings: RTCRtpEncodingParameters[],
  ): { transceiver: RTCRtpTransceiver; output: TrackOutput } {
    const transceiver = this.#connection.addTransceiver(kind, {
      direction: 'sendonly',
      sendEncodings,
    });
    const { sender } = transceiver;
    const installed = this.#transforms.install(sender, { direction: 'send', source });
    trimSection(transceiver, this.#codecs(RTCRtpSender, kind));
    const send = async (track: MediaStreamTrack | null): Promise<void> => {
      if (track !== null) await installed;
      // What comes too late goes out by the peer that follows.
      if (this.#isClosed) return;
      await sender.replaceTrack(track);
    };
    return { transceiver, output: { send } };
  }

  #addReceiver(kind: 'audio' | 'video', slot: number): RTCRtpTransceiver {
    const transceiver = this.#connection.addTransceiver(kind, { direction: 'recvonly' });
    // Until it is installed nothing comes in; a failure ends the room by the `failed` event.
    this.#transforms
      .install(transceiver.receiver, { direction: 'receive', kind, slot })
      .catch(() => undefined);
    trimSection(transceiver, this.#codecs(RTCRtpReceiver, kind));
    return transceiver;
  }

  /** Asked once: a browser takes a while to tell, and there are many sections. */
  #codecs(end: CodingEnd, kind: 'audio' | 'video'): RTCRtpCodec[] {
    const known = this.#knownCodecs.get(end) ?? {};
    this.#knownCodecs.set(end, known);
    return (known[kind] ??= codecPreferences(kind, end.getCapabilities(kind)));
  }
}

/** The highest of the camera's layers, by what the path takes. */
const HIGHEST: Record<UplinkCapacity, number> = { all: Infinity, least: 0, 'sound-only': -1 };

/** Of the least layer, in bit/s: hardly more than what browsers make a picture of at all. */
const THRIFTY = 40_000;

/** Fields that TypeScript's library does not have yet. */
interface CodecParameters extends RTCRtpSendParameters {
  encodings: (RTCRtpEncodingParameters & { codec?: RTCRtpCodec; scalabilityMode?: string })[];
}

/** Of which encodings a key frame is wanted. */
type KeyFrames = { keyFrame: boolean }[];

/** An argument that TypeScript's library does not have yet. */
interface KeyFrameControl extends Omit<RTCRtpSender, 'setParameters'> {
  setParameters(
    parameters: RTCRtpSendParameters,
    options?: { encodingOptions: KeyFrames },
  ): Promise<void>;
}

/** `RTCRtpSender` or `RTCRtpReceiver`. */
type CodingEnd = Pick<typeof RTCRtpSender, 'getCapabilities'>;

/** A method that TypeScript's library does not have yet. */
interface HeaderExtensionsControl {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: RTCRtpTransceiverDirection }[];
  setHeaderExtensionsToNegotiate?(
    extensions: { uri: string; direction: RTCRtpTransceiverDirection }[],
  ): void;
}

function trimSection(
  transceiver: RTCRtpTransceiver & HeaderExtensionsControl,
  codecs: RTCRtpCodec[],
): void {
  if (codecs.length > 0) transceiver.setCodecPreferences(codecs);
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.();
  if (extensions === undefined) return;
  transceiver.setHeaderExtensionsToNegotiate?.(
    extensions.map((extension) =>
      // Chromium has the Dependency Descriptor stopped unless it is asked for.
      isWantedHeaderExtension(extension.uri)
        ? { ...extension, direction: 'sendrecv' as const }
        : { ...extension, direction: 'stopped' as const },
    ),
  );
}

const DEVICE_SOURCES: readonly PublicationSource[] = ['microphone', 'camera'];
const ALL_SOURCES: readonly PublicationSource[] = [...DEVICE_SOURCES, 'screen', 'screen-audio'];

function tracks({ audio, video }: Slot): SlotTracks {
  return { audio: audio.receiver.track, video: video.receiver.track };
}

function slotSections({ audio, video }: Slot): SlotSections {
  return { audio: sectionId(audio), video: sectionId(video) };
}

function sectionId(transceiver: RTCRtpTransceiver): string {
  if (transceiver.mid === null) throw new Error('a section has no mid after the offer');
  return transceiver.mid;
}
