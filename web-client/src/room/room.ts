import { browserEnvironment, type Environment } from '../browser/environment';
import { requireTransformInterface } from '../browser/features';
import { GroupChannel } from '../e2ee/group-channel';
import { createCredential } from '../e2ee/credential';
import { createIdentity, type Identity } from '../e2ee/identity';
import type { Entrance, GroupEpoch } from '../e2ee/messages';
import { requestToken } from '../e2ee/token-request';
import { Transforms } from '../e2ee/transforms';
import { MAX_NAME_LENGTH } from '../e2ee/worker/mls/application';
import { QuietroomError, toQuietroomError } from '../error';
import { Emitter } from '../events';
import { Devices, type DeviceSource } from '../media/devices';
import { Publication } from '../media/publish';
import { ScreenShare, type ScreenShareOptions } from '../media/screen-share';
import { signalingAddress } from '../signaling/address';
import { SignalingConnection } from '../signaling/connection';
import type { PauseReason } from '../signaling/protocol/PauseReason';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { VideoCodec } from '../signaling/protocol/VideoCodec';
import type { SlotAssignment } from '../signaling/protocol/SlotAssignment';
import { peerConfiguration } from '../transport/configuration';
import { IceRestart } from '../transport/ice-restart';
import { Peer } from '../transport/peer';
import { Membership } from './membership';
import {
  LocalParticipant,
  type EmergencyInformation,
  type Participant,
  type RemoteParticipant,
} from './participant';
import type { Warning } from './protection';
import { mayRejoinAfter, Rejoin } from './rejoin';
import { Roster } from './roster';
import { SessionRules } from './session-rules';
import { StatisticsReader, type RoomStatistics } from './statistics';
import type { Track } from './track';
import { Views } from './views';

/** How a room is joined. */
export interface RoomOptions {
  /** The signaling socket; by default `/v1/signal` of the server the page came from. */
  readonly url?: string | URL | undefined;
  /** The encryption worker's file; by default the one beside this library. */
  readonly workerUrl?: string | URL | undefined;
  /** Whether to come in with the microphone on; `true` by default. */
  readonly microphone?: boolean | undefined;
  /** Whether to come in with the camera on; `true` by default. */
  readonly camera?: boolean | undefined;
  /**
   * The codec to send the camera in while everyone can decode it; `vp8` by
   * default, which is sent otherwise. The others are sent in one stream with
   * layers and take more of the processor.
   */
  readonly videoCodec?: VideoCodec | undefined;
}

/** What the others may know of who joins. */
export interface JoinOptions {
  /** As the person wants to be called, up to 80 characters. Only members of the room see it. */
  readonly name?: string | undefined;
  /** The key that the token is bound to, if it is (`cnf.jkt`); good for one stay. */
  readonly identity?: Identity | undefined;
}

/**
 * `reconnecting`: media or the connection to the server is interrupted and may
 * come back by itself; media flows as long as it can.
 * `disconnected` is final; {@link Room.error} says why if it was no leave.
 */
export type RoomState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/** When the steps of joining were done, by `performance.now()`, in ms. */
export interface RoomTimings {
  joinCalled?: number;
  /** The server let us in. */
  signaled?: number;
  /** The group took us in: frames can be encrypted and decrypted. */
  encrypted?: number;
  /** The server's session description is in force. */
  answered?: number;
  /** Media can flow. */
  connected?: number;
}

/** The events of a {@link Room}. */
export interface RoomEvents {
  stateChanged: [state: RoomState];
  participantJoined: [participant: RemoteParticipant];
  /** Somebody's devices, role, name, raised hand, shared screen or paused pictures changed. */
  participantUpdated: [participant: RemoteParticipant];
  participantLeft: [participant: RemoteParticipant];
  /** Our own devices, id, role or shared screen changed. */
  localParticipantUpdated: [participant: LocalParticipant];
  trackSubscribed: [track: Track, participant: RemoteParticipant];
  trackUnsubscribed: [track: Track, participant: RemoteParticipant];
  /** Somebody's connection, or our own, is better or worse than it was: see `quality`. */
  qualityChanged: [participant: Participant];
  /** Others than before speak, or somebody else leads: see {@link Room.speakers}. */
  speakersChanged: [speakers: readonly Participant[]];
  /** A picture that is shown does not come for now, and why; or it comes again, without a reason. */
  pausedChanged: [
    participant: RemoteParticipant,
    source: PublicationSource,
    reason: PauseReason | undefined,
  ];
  /** The group that encrypts the session has other members, and another safety code. */
  groupChanged: [group: GroupEpoch];
  /** The group put this client out: nothing is sent or shown until `groupChanged`, if that comes. */
  groupLost: [];
  /** Somebody wrote to all, this client included. */
  chatMessage: [participant: Participant, text: string];
  /** Somebody showed all an emoji, this client included. */
  reaction: [participant: Participant, reaction: string];
  /** {@link Room.warnings} are others. */
  warningsChanged: [warnings: readonly Warning[]];
  /** Something went wrong; it ended the stay only if {@link Room.error} is this error. */
  error: [error: QuietroomError];
}

/** One stay in a room, from {@link Room.join} until it ends; for another stay make another one. */
export class Room extends Emitter<RoomEvents> {
  readonly localParticipant: LocalParticipant;
  /** Waiting room, consent, lock, and what those with power may do. */
  readonly rules: SessionRules;
  readonly timings: RoomTimings = {};
  readonly #options: RoomOptions;
  readonly #environment: Environment;
  readonly #devices: Devices;
  readonly #publications: Record<DeviceSource, Publication>;
  readonly #screen: ScreenShare;
  readonly #roster = new Roster();
  #speakers: readonly Participant[] = [];
  readonly #statistics = new StatisticsReader();
  readonly #views = new Views(
    () => this.#roster.pictures,
    (message) => this.#connection?.send(message),
  );
  #videoCodecs: readonly VideoCodec[] | undefined;
  readonly #cleanups: (() => void)[] = [];
  #state: RoomState = 'idle';
  #error: QuietroomError | undefined;
  #connection: SignalingConnection | undefined;
  #peer: Peer | undefined;
  #iceRestart: IceRestart | undefined;
  #channel: GroupChannel | undefined;
  #membership: Membership | undefined;
  #announced = '';
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #groupDeadline: ReturnType<typeof setTimeout> | undefined;
  #rejoin: Rejoin | undefined;
  /** Makes a new peer connection in place of the one that is lost. */
  #prepareAgain: (() => Peer) | undefined;
  #awaitsJoined = false;
  #token = '';
  /** By which the group knows us. */
  #participantId = '';
  /** What the token names. */
  #tokenRoom = '';
  #emergency: EmergencyInformation | undefined;
  /** The token is of use only with our key. */
  #isBound = false;
  /** What the server wants signed on the present connection's first socket. */
  #nonce: Promise<string> | undefined;
  #settleJoin: { resolve: () => void; reject: (error: QuietroomError) => void } | undefined;

  constructor(options: RoomOptions = {}, environment: Environment = browserEnvironment()) {
    super();
    this.#options = options;
    this.#environment = environment;
    this.#devices = new Devices(environment.devices);
    this.#publications = {
      microphone: this.#createPublication('microphone'),
      camera: this.#createPublication('camera'),
    };
    this.#screen = this.#createScreenShare();
    this.rules = new SessionRules(
      (message) => this.#connection?.send(message),
      () => environment.now(),
    );
    this.localParticipant = new LocalParticipant(
      this.#publications.microphone,
      this.#publications.camera,
      this.#screen,
    );
    this.#forwardRoster();
  }

  get state(): RoomState {
    return this.#state;
  }

  /** What ended the stay, if it was an error. */
  get error(): QuietroomError | undefined {
    return this.#error;
  }

  /** The others, in the order they came. */
  get participants(): readonly RemoteParticipant[] {
    return this.#roster.participants;
  }

  /** Who speaks, this client among them, whoever leads first; four at most. */
  get speakers(): readonly Participant[] {
    return this.#speakers.filter(({ isSpeaking }) => isSpeaking);
  }

  /**
   * The members of the group that encrypts the session, by their own signed
   * word, and its safety code; absent until this client is one of them.
   */
  get group(): GroupEpoch | undefined {
    return this.#membership?.epoch;
  }

  /** What is amiss with the session's protection, for as long as it is. */
  get warnings(): readonly Warning[] {
    return this.#membership?.warnings ?? [];
  }

  /**
   * Enters the room that `token` names. Resolves when media can flow; rejects
   * with a {@link QuietroomError}, and the stay is over, when it cannot or
   * when {@link Room.leave} came first. A device that cannot be opened is an
   * `error` event and no reason to fail.
   */
  join(token: string, options: JoinOptions = {}): Promise<void> {
    return this.#begin(() => {
      this.#start(token, options);
    });
  }

  /**
   * As {@link Room.join}, with a token that `url` gives for a key of this stay's
   * own: what whoever else gets the token cannot use. See {@link requestToken}
   * for what is asked there.
   */
  joinBy(url: string | URL, options: Omit<JoinOptions, 'identity'> = {}): Promise<void> {
    return this.#begin(() => {
      this.#setState('connecting');
      this.#requestToken(url).then(
        ({ token, identity }) => {
          if (this.#state === 'disconnected') identity.close();
          else
            this.#attempt(() => {
              this.#start(token, { ...options, identity });
            });
        },
        (reason: unknown) => {
          this.#end(toQuietroomError(reason, 'internal'));
        },
      );
    });
  }

  /** Ends the stay at once; the others see it without delay. Idempotent. */
  leave(): void {
    this.#connection?.send({ type: 'leave' });
    this.#end();
  }

  /**
   * Writes to all. Throws `encryption-pending`, or a `RangeError` above 4,000
   * characters; control characters, which nobody types, count more.
   */
  sendChat(text: string): void {
    this.#requireMembership().tell({ type: 'chat', text });
    this.emit('chatMessage', this.localParticipant, text);
  }

  /** Shows all an emoji. Throws `encryption-pending`, or a `RangeError` above 32 code units. */
  react(reaction: string): void {
    this.#requireMembership().tell({ type: 'reaction', reaction });
    this.emit('reaction', this.localParticipant, reaction);
  }

  /** Raises or lowers the hand, for all to see. Throws `encryption-pending` before the join. */
  setHandRaised(handRaised: boolean): void {
    this.#requireMembership().setProfile({ handRaised });
    this.localParticipant.handleProfile(this.localParticipant.name, handRaised);
    this.emit('localParticipantUpdated', this.localParticipant);
  }

  /**
   * Tells those who lead the session where this person is and whom to call in
   * an emergency, and whoever comes to lead it later. Up to 200 characters
   * each; throws `encryption-pending` before the join, or a `RangeError`.
   */
  setEmergencyInformation({ place, contact }: EmergencyInformation): void {
    this.#requireMembership().tell({ type: 'emergency', place, contact });
    this.#emergency = { place, contact };
  }

  /** What was told by {@link Room.setEmergencyInformation}. */
  get emergencyInformation(): EmergencyInformation | undefined {
    return this.#emergency;
  }

  /** Another name. Throws `encryption-pending` before the join, or a `RangeError`. */
  setName(name: string): void {
    this.#requireMembership().setProfile({ name });
    this.localParticipant.handleProfile(name, this.localParticipant.handRaised);
    this.emit('localParticipantUpdated', this.localParticipant);
  }

  /** Whether this browser and this room let a screen be shared; known once the server let us in. */
  get canShareScreen(): boolean {
    return this.#screen.isSupported && this.#roster.screens.slots > 0;
  }

  /**
   * Lets the person choose a screen, window or tab, and shows it to all; to be
   * called while a press is handled. Resolves when it is being sent; rejects
   * with `screen-refused`, `screen-unsupported`, `screen-failed`, or
   * `screens-full` when others share as many as the room takes.
   */
  shareScreen(options: ScreenShareOptions = {}): Promise<void> {
    if (!this.#screen.isSupported) {
      return Promise.reject(new QuietroomError('screen-unsupported'));
    }
    if (this.timings.signaled === undefined || this.group === undefined) {
      return Promise.reject(new QuietroomError('encryption-pending'));
    }
    const { slots, taken } = this.#roster.screens;
    if (taken >= slots && !this.#screen.isSharing) {
      return Promise.reject(new QuietroomError('screens-full'));
    }
    return this.#screen.start(options);
  }

  /** Ends the own share, as the browser's own button does. Idempotent. */
  stopScreenShare(): Promise<void> {
    return this.#screen.stop();
  }

  /** What the browser has measured: bits per second, ms, shares of 1. All zero before there is media. */
  async statistics(): Promise<RoomStatistics> {
    const sent = this.#peer?.sources ?? new Map<string, PublicationSource>();
    const received = new Map(
      this.#roster.participants.flatMap((participant) =>
        [
          participant.audioTrack,
          participant.videoTrack,
          participant.screenTrack,
          participant.screenAudioTrack,
        ].flatMap((track) => {
          if (track === undefined) return [];
          const { source, mediaStreamTrack } = track;
          return [[mediaStreamTrack.id, { source, participantId: participant.id }] as const];
        }),
      ),
    );
    const reports = (await this.#peer?.statistics()) ?? [];
    return this.#statistics.read(reports, { sent, received });
  }

  #begin(start: () => void): Promise<void> {
    if (this.#state !== 'idle') return Promise.reject(new QuietroomError('invalid-state'));
    this.timings.joinCalled = this.#environment.now();
    return new Promise((resolve, reject) => {
      this.#settleJoin = { resolve, reject };
      this.#attempt(start);
    });
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (reason) {
      this.#end(toQuietroomError(reason, 'internal'));
    }
  }

  async #requestToken(url: string | URL): Promise<{ token: string; identity: Identity }> {
    const environment = this.#environment;
    const identity = await createIdentity(this.#options, environment);
    try {
      const token = await requestToken(url, identity.thumbprint, environment.fetch);
      return { token, identity };
    } catch (reason) {
      identity.close();
      throw reason;
    }
  }

  #applyVideoCodecs(): void {
    if (this.timings.answered === undefined || this.#videoCodecs === undefined) return;
    void this.#peer?.setDecodedByAll(this.#videoCodecs);
  }

  #requireMembership(): Membership {
    if (this.#membership === undefined) throw new QuietroomError('encryption-pending');
    return this.#membership;
  }

  #start(token: string, { name: wanted = '', identity }: JoinOptions): void {
    this.#token = token;
    const name = wanted.trim().slice(0, MAX_NAME_LENGTH);
    const environment = this.#environment;
    const transformInterface = requireTransformInterface(environment.scope);
    const address = signalingAddress(environment.page, this.#options.url);
    this.#setState('connecting');
    this.#setDeadline(SIGNALING_TIMEOUT, 'join-timeout');
    this.#openConnection(address);
    this.#rejoin = new Rejoin(() => {
      this.#joinAgain(address, transforms);
    });
    this.#cleanups.push(() => {
      this.#connection?.close();
      this.#peer?.close();
      this.#iceRestart?.close();
      this.#rejoin?.end();
    });

    const worker = identity?.take() ?? environment.startWorker(this.#options.workerUrl);
    this.#isBound = identity !== undefined;
    const transforms = new Transforms(worker, transformInterface, this.#isBound);
    this.#cleanups.push(() => {
      transforms.close();
    });
    transforms.on('failed', (error) => {
      this.#end(error);
    });
    this.#limitWorkerStart(transforms);
    this.#openGroup(new GroupChannel(worker), transforms, token, name);

    const peer = this.#createPeer(transforms);
    this.#cleanups.push(
      environment.onNetworkChange(() => {
        this.#connection?.reconnect();
        this.#rejoin?.hurry();
      }),
      environment.onPageHide(() => {
        this.leave();
      }),
    );
    this.#openDevices();
    this.#screen.connect(peer);
    this.#publish(peer);
  }

  #openConnection(address: URL): void {
    const connection = new SignalingConnection(() => this.#environment.openSocket(address));
    this.#connection = connection;
    this.#awaitsJoined = true;
    this.#nonce = new Promise((resolve) => {
      connection.once('challenge', resolve);
    });
    connection.on('message', (message) => {
      if (connection === this.#connection) this.#handleMessage(message);
    });
    connection.on('closed', (error) => {
      if (connection === this.#connection) this.#lose(error);
    });
    connection.on('interrupted', () => {
      this.#updateState();
    });
    connection.on('resumed', () => {
      this.#updateState();
      this.#iceRestart?.handleReachable();
    });
  }

  #createPeer(transforms: Transforms): Peer {
    const peer = new Peer(
      this.#environment.createPeerConnection(peerConfiguration([])),
      transforms,
      this.#options.videoCodec,
    );
    this.#peer = peer;
    const iceRestart = this.#createIceRestart(peer);
    this.#iceRestart?.close();
    this.#iceRestart = iceRestart;
    peer.on('connectionState', (state) => {
      if (peer !== this.#peer) return;
      this.#handleConnectionState(state);
      iceRestart.handleState(state);
    });
    // A path that is gone has taken the socket along, which nobody has told yet.
    peer.on('silent', () => {
      if (peer === this.#peer) this.#connection?.reconnect();
    });
    return peer;
  }

  #createIceRestart(peer: Peer): IceRestart {
    return new IceRestart({
      canOffer: () => this.#connection?.isLive === true,
      isSilent: () => peer.isSilent,
      offer: () => {
        peer.restart().then(
          (offer) => {
            if (peer === this.#peer) this.#connection?.send(offer);
          },
          (reason: unknown) => {
            if (peer === this.#peer) this.#lose(toQuietroomError(reason, 'media-disconnected'));
          },
        );
      },
      doubtServer: () => this.#connection?.reconnect(),
      giveUp: () => {
        const wasConnected = this.timings.connected !== undefined;
        this.#lose(new QuietroomError(wasConnected ? 'media-disconnected' : 'media-unreachable'));
      },
    });
  }

  #publish(peer: Peer): void {
    for (const source of SOURCES) {
      this.#publications[source].connect(peer[source]).catch((reason: unknown) => {
        // A peer that has been replaced takes no tracks, and need not.
        if (peer === this.#peer) this.#end(toQuietroomError(reason, 'encryption-failed'));
      });
    }
  }

  /** The stay is lost. Joins again by itself if there was one and that may help. */
  #lose(error: QuietroomError): void {
    if (this.#state === 'disconnected') return;
    const wasKnown = this.timings.connected !== undefined || this.rules.isAtDoor;
    if (!wasKnown || !mayRejoinAfter(error.code) || this.#rejoin?.plan() !== true) {
      this.#end(error);
      return;
    }
    clearTimeout(this.#deadline);
    clearTimeout(this.#groupDeadline);
    this.#connection?.send({ type: 'leave' });
    this.#connection?.close();
    this.#peer?.close();
    this.#peer = undefined;
    this.#iceRestart?.close();
    this.#setState('reconnecting');
  }

  #joinAgain(address: URL, transforms: Transforms): void {
    this.#openConnection(address);
    const connection = this.#connection;
    this.#prepareAgain = () => {
      const peer = this.#createPeer(transforms);
      this.#publish(peer);
      return peer;
    };
    this.#rejoin?.limit(REJOIN_TIMEOUT, () => {
      this.#lose(new QuietroomError('join-timeout'));
    });
    void this.#channel?.rejoin().then((entrance) => {
      this.#sayJoin(connection, entrance);
    });
  }

  /** Asks to come in, and proves that the token is ours if it is bound to our key. */
  #sayJoin(
    connection: SignalingConnection | undefined,
    entrance: Entrance | { readonly keyPackageFollows: true },
  ): void {
    const token = this.#token;
    const participantId = this.#participantId;
    const join = { type: 'join', token, participantId, ...entrance } as const;
    if (!this.#isBound) {
      connection?.send(join);
      return;
    }
    void this.#nonce
      ?.then((nonce) => this.#channel?.prove(nonce, this.#tokenRoom, token))
      .then((proof) => connection?.send({ ...join, ...(proof === undefined ? {} : { proof }) }));
  }

  #openGroup(channel: GroupChannel, transforms: Transforms, token: string, name: string): void {
    const credential = createCredential(token);
    const { participantId } = credential;
    this.#participantId = participantId;
    this.#tokenRoom = credential.room;
    const own = { participantId, name };
    const membership = new Membership(channel, transforms, this.#roster, own);
    this.#channel = channel;
    this.#membership = membership;
    this.localParticipant.handleProfile(name, false);
    this.#cleanups.push(() => {
      membership.close();
      channel.close();
    });
    channel.on('send', (message) => this.#connection?.send(message));
    channel.on('failed', (error) => {
      this.#end(error);
    });
    membership.on('changed', (epoch) => {
      clearTimeout(this.#groupDeadline);
      this.timings.encrypted ??= this.#environment.now();
      this.emit('groupChanged', epoch);
    });
    membership.on('lost', () => {
      this.#awaitGroup();
      this.emit('groupLost');
    });
    membership.on('newcomers', () => {
      this.#peer?.refreshPictures();
      if (this.#emergency !== undefined) this.setEmergencyInformation(this.#emergency);
    });
    membership.on('emergency', (participant, information) => {
      // It comes to all members, and is for those who lead the session.
      const { role } = this.localParticipant;
      if (role !== 'host' && role !== 'co-host') return;
      participant.handleEmergency(information);
      this.emit('participantUpdated', participant);
    });
    membership.on('chat', (participant, text) => {
      this.emit('chatMessage', participant, text);
    });
    membership.on('reaction', (participant, reaction) => {
      this.emit('reaction', participant, reaction);
    });
    membership.on('warningsChanged', () => {
      this.emit('warningsChanged', this.warnings);
    });
    membership.on('error', (error) => {
      this.emit('error', error);
    });
    // The key package takes its time, in which the connection can be made.
    this.#sayJoin(this.#connection, { keyPackageFollows: true });
    void channel.open(credential).then((keyPackage) => {
      this.#connection?.send({ type: 'mls-key-package', keyPackage });
    });
  }

  /** Tells the group who is here by the server's word. */
  #announceConnected(): void {
    this.#channel?.setConnected(this.#roster.present.map(({ id }) => id));
  }

  #handleMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'joined':
        this.#handleJoined(message);
        break;
      case 'challenge':
      case 'resumed':
      case 'ack':
        break; // The connection's own.
      case 'consent-required':
      case 'waiting':
        // A person may take as long as it takes.
        clearTimeout(this.#deadline);
        this.#rejoin?.hold();
        this.rules.handle(message);
        this.#setState('connecting');
        break;
      case 'waiting-message':
      case 'waiting-list':
      case 'permissions':
      case 'hosting':
      case 'locked':
      case 'asked':
      case 'share-stopped':
      case 'session-ending':
      case 'inactivity-warning':
        this.rules.handle(message);
        break;
      case 'muted':
        if (message.source === 'microphone' || message.source === 'camera') {
          void this.#publications[message.source].setEnabled(false);
          // Said even if it was off: the server waits for its owner's word.
          this.#announced = '';
          this.#announceMedia();
        }
        this.rules.handle(message);
        break;
      case 'answer':
        this.#handleAnswer(message.sdp);
        break;
      case 'participant-joined':
      case 'participant-updated':
        if (message.participant.id !== this.localParticipant.id) {
          this.#roster.handleParticipant(message.participant);
          if (message.type === 'participant-joined') this.#announceConnected();
        }
        break;
      case 'participant-left':
        this.#roster.handleParticipantLeft(message.participantId);
        this.#announceConnected();
        break;
      case 'audio-codecs':
        void this.#peer?.setSoundDecodedByAll(message.codecs);
        break;
      case 'video-codecs':
        this.#videoCodecs = message.codecs;
        this.#applyVideoCodecs();
        break;
      case 'quality':
        this.#handleQuality(message);
        break;
      case 'speakers':
        this.#handleSpeakers(message.participantIds);
        break;
      case 'paused':
        this.#handlePaused(message.participantId, message.source, message.reason);
        break;
      case 'unpaused':
        this.#handlePaused(message.participantId, message.source, undefined);
        break;
      case 'watched':
        this.#peer?.setWatched(message.source, message.watched);
        break;
      case 'mls-create':
      case 'mls-key-package':
      case 'mls-key-package-wanted':
      case 'mls-welcome':
      case 'mls-commit':
      case 'mls-accepted':
      case 'mls-refused':
      case 'mls-message':
      case 'mls-group-info':
        this.#channel?.handleServerMessage(message);
        break;
      case 'slots':
        try {
          this.#roster.handleAssignments(message.assignments, 'person');
        } catch (reason) {
          this.#end(new QuietroomError('protocol-violation', reason));
        }
        break;
      case 'screens':
        try {
          this.#roster.handleAssignments(message.assignments, 'screen');
          this.#handleOwnScreen(message.assignments);
        } catch (reason) {
          this.#end(new QuietroomError('protocol-violation', reason));
        }
        break;
      case 'error': {
        const error = new QuietroomError(message.code, message.message);
        if (message.fatal) this.#lose(error);
        else if (message.code === 'screens-full') this.#screen.handleRefused(error);
        else this.emit('error', error);
        break;
      }
    }
  }

  #handleQuality({ participantId, level, cause }: QualityMessage): void {
    const isLocal = participantId === this.localParticipant.id;
    const participant = isLocal ? this.localParticipant : this.#roster.find(participantId);
    if (participant === undefined) return;
    participant.handleQuality({ level, ...(cause !== undefined && { cause }) });
    this.emit('qualityChanged', participant);
  }

  #handleSpeakers(ids: readonly string[]): void {
    const everybody: readonly Participant[] = [...this.participants, this.localParticipant];
    this.#speakers = ids.flatMap((id) => everybody.find((one) => one.id === id) ?? []);
    for (const participant of everybody) {
      participant.handleSpeaking(this.#speakers.includes(participant));
    }
    this.emit('speakersChanged', this.speakers);
  }

  #handlePaused(
    participantId: string,
    source: PublicationSource,
    reason: PauseReason | undefined,
  ): void {
    const participant = this.#roster.find(participantId);
    if (participant?.handlePaused(source, reason) !== true) return;
    this.emit('pausedChanged', participant, source, reason);
    this.emit('participantUpdated', participant);
  }

  #handleJoined(message: Extract<ServerMessage, { type: 'joined' }>): void {
    const isRejoin = this.#rejoin?.isUnderWay === true;
    const peer = isRejoin ? this.#prepareAgain?.() : this.#peer;
    if (peer === undefined || !this.#awaitsJoined) {
      this.#end(new QuietroomError('protocol-violation', 'joined came twice'));
      return;
    }
    // The group knows us by the id that we chose: another one would be somebody else's.
    if (message.participantId !== this.#participantId) {
      this.#end(new QuietroomError('protocol-violation', 'joined names another participant'));
      return;
    }
    this.#awaitsJoined = false;
    this.#announced = '';
    this.timings.signaled ??= this.#environment.now();
    this.#views.close();
    if (isRejoin) {
      this.#handleSpeakers([]);
      // The server tells anew of those that are not good.
      for (const participant of [...this.participants, this.localParticipant]) {
        participant.handleQuality({ level: 'good' });
      }
    }
    if (isRejoin) this.#roster.handleRejoined(message.participants);
    if (!isRejoin) this.#setDeadline(SIGNALING_TIMEOUT, 'join-timeout');
    this.rules.handleJoined(message);
    this.localParticipant.handleJoined(message.participantId, message.role);
    for (const source of SOURCES) {
      if (!this.rules.permissions.has(source)) void this.#publications[source].setEnabled(false);
    }
    try {
      const slots = { people: message.slots, screens: message.screenSlots };
      this.#roster.handleSlotTracks(peer.addSlots(slots));
    } catch (reason) {
      this.#end(toQuietroomError(reason, 'unsupported-browser'));
      return;
    }
    peer.offer(message.iceServers).then(
      (offer) => this.#connection?.send(offer),
      (reason: unknown) => {
        this.#end(new QuietroomError('unsupported-browser', reason));
      },
    );
    this.emit('localParticipantUpdated', this.localParticipant);
    for (const participant of message.participants) this.#roster.handleParticipant(participant);
    this.#announceConnected();
    if (this.group === undefined) this.#awaitGroup();
    this.#announceMedia();
    if (isRejoin) this.#screen.reconnect(peer);
  }

  #awaitGroup(): void {
    clearTimeout(this.#groupDeadline);
    this.#groupDeadline = setTimeout(() => {
      this.#end(new QuietroomError('encryption-failed', 'the group did not take us in'));
    }, GROUP_TIMEOUT);
  }

  #handleAnswer(sdp: string): void {
    this.#peer?.answer(sdp).then(
      () => {
        if (this.#state === 'disconnected') return;
        this.#iceRestart?.handleAnswer();
        this.timings.answered ??= this.#environment.now();
        this.#views.open();
        this.#applyVideoCodecs();
        if (this.timings.connected === undefined) {
          this.#setDeadline(MEDIA_TIMEOUT, 'media-unreachable');
        }
      },
      (reason: unknown) => {
        this.#end(new QuietroomError('protocol-violation', reason));
      },
    );
  }

  #handleConnectionState(state: RTCPeerConnectionState): void {
    switch (state) {
      case 'connected':
        this.timings.connected ??= this.#environment.now();
        clearTimeout(this.#deadline);
        this.#rejoin?.end();
        this.#updateState();
        this.#settleJoin?.resolve();
        break;
      case 'disconnected':
      case 'failed':
        this.#updateState();
        break;
      case 'new':
      case 'connecting':
      case 'closed':
        break;
    }
  }

  /** Once there was media, what is missing for it and for news of the room may come back. */
  #updateState(): void {
    if (this.timings.connected === undefined || this.#rejoin?.isUnderWay === true) return;
    const isWhole = this.#peer?.state === 'connected' && this.#connection?.isInterrupted === false;
    this.#setState(isWhole ? 'connected' : 'reconnecting');
  }

  #openDevices(): void {
    const wanted = SOURCES.filter((source) => this.#options[source] ?? true);
    const missing = wanted.filter((source) => this.#publications[source].track === undefined);
    const opening = this.#devices.openTogether(missing);
    for (const source of missing) {
      this.#publications[source].setEnabled(true, opening[source]).catch((reason: unknown) => {
        if (this.#state === 'disconnected') return;
        this.emit('error', toQuietroomError(reason, `${source}-busy`));
      });
    }
  }

  #createScreenShare(): ScreenShare {
    const share = new ScreenShare(this.#environment.devices);
    share.on('wanted', (isWanted) => {
      this.#connection?.send({ type: isWanted ? 'share-screen' : 'stop-screen-share' });
    });
    share.on('changed', () => {
      this.emit('localParticipantUpdated', this.localParticipant);
    });
    return share;
  }

  /** What the server says of a screen of ours. */
  #handleOwnScreen(assignments: readonly SlotAssignment[]): void {
    const { id } = this.localParticipant;
    if (id === undefined) return;
    if (assignments.some(({ participantId }) => participantId === id)) this.#screen.handleGranted();
    else if (this.#roster.slotOf(id, 'screen') === undefined) this.#screen.handleRevoked();
  }

  #createPublication(source: DeviceSource): Publication {
    const publication = new Publication(source, () => this.#devices.open(source));
    publication.on('changed', () => {
      this.#announceMedia();
      this.emit('localParticipantUpdated', this.localParticipant);
    });
    publication.on('lost', (error) => {
      this.emit('error', error);
    });
    return publication;
  }

  /** Tells the server which devices are being sent, if that is news. */
  #announceMedia(): void {
    if (this.timings.signaled === undefined) return;
    const { microphone, camera } = this.#publications;
    const announcement = {
      type: 'media',
      microphone: microphone.isSending,
      camera: camera.isSending,
    } as const;
    const text = JSON.stringify(announcement);
    if (text === this.#announced) return;
    this.#announced = text;
    this.#connection?.send(announcement);
  }

  #forwardRoster(): void {
    const roster = this.#roster;
    roster.on('participantJoined', (participant) => {
      this.emit('participantJoined', participant);
    });
    roster.on('participantUpdated', (participant) => {
      this.emit('participantUpdated', participant);
    });
    roster.on('participantLeft', (participant) => {
      this.#speakers = this.#speakers.filter((speaker) => speaker !== participant);
      this.emit('participantLeft', participant);
    });
    roster.on('trackSubscribed', (track, participant) => {
      this.emit('trackSubscribed', track, participant);
    });
    roster.on('trackUnsubscribed', (track, participant) => {
      this.emit('trackUnsubscribed', track, participant);
    });
    roster.on('viewChanged', () => {
      this.#views.update();
    });
  }

  #limitWorkerStart(transforms: Transforms): void {
    const timer = setTimeout(() => {
      this.#end(new QuietroomError('encryption-failed', 'the worker did not start'));
    }, WORKER_TIMEOUT);
    const stop = (): void => {
      clearTimeout(timer);
    };
    transforms.ready.then(stop, stop);
    this.#cleanups.push(stop);
  }

  #setDeadline(milliseconds: number, code: 'join-timeout' | 'media-unreachable'): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#end(new QuietroomError(code));
    }, milliseconds);
  }

  #setState(state: RoomState): void {
    if (this.#state === state || this.#state === 'disconnected') return;
    this.#state = state;
    this.emit('stateChanged', state);
  }

  #end(error?: QuietroomError): void {
    if (this.#state === 'disconnected') return;
    this.#error = error;
    clearTimeout(this.#deadline);
    clearTimeout(this.#groupDeadline);
    for (const source of SOURCES) this.#publications[source].close();
    this.#screen.close();
    this.#views.close();
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#roster.clear();
    this.#setState('disconnected');
    if (error !== undefined) this.emit('error', error);
    this.#settleJoin?.reject(error ?? new QuietroomError('left'));
  }
}

type QualityMessage = Extract<ServerMessage, { type: 'quality' }>;

const SOURCES = ['microphone', 'camera'] as const;

/** For an attempt to join again, until media flows, in ms. */
const REJOIN_TIMEOUT = 15_000;

/** From `join()` until the server's answer is in force, in ms. */
const SIGNALING_TIMEOUT = 10_000;

/** From the answer until media can flow, in ms. */
const MEDIA_TIMEOUT = 15_000;

/** From the server's word that we are in until the group says so too, in ms. */
const GROUP_TIMEOUT = 20_000;

/** Until the encryption worker has loaded, in ms. */
const WORKER_TIMEOUT = 10_000;
