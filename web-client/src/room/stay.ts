import type { Environment } from '../browser/environment';
import { requireTransformInterface } from '../browser/features';
import type { Entrance } from '../e2ee/messages';
import { mayPass } from '../e2ee/token-request';
import type { TransformInterface, TransformWorker } from '../e2ee/transforms';
import { QuietroomError, type QuietroomErrorCode, toQuietroomError } from '../error';
import { signalingAddress } from '../signaling/address';
import { SignalingConnection, type SignalingSocket } from '../signaling/connection';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';
import { peerConfiguration } from '../transport/configuration';
import { Peer } from '../transport/peer';
import { BoundToken } from './bound-token';
import { dispatch, type JoinedMessage, type StayHandlers } from './dispatch';
import { Encryption } from './encryption';
import type { RoomState, RoomTimings, Tell } from './events';
import type { LocalMedia } from './local-media';
import { MediaConnection } from './media-connection';
import type { JoinOptions, RoomOptions } from './options';
import type { LocalParticipant } from './participant';
import type { People } from './people';
import { mayRejoinAfter, Rejoin } from './rejoin';
import type { SessionRules } from './session-rules';

/** What a stay acts on. */
export interface StayContext {
  readonly options: RoomOptions;
  readonly environment: Environment;
  readonly local: LocalParticipant;
  readonly localMedia: LocalMedia;
  readonly people: People;
  readonly rules: SessionRules;
  readonly tell: Tell;
}

/** The life of one stay: the join, what the server says, the loss and the next join, the end. */
export class Stay {
  readonly timings: RoomTimings = {};
  readonly #context: StayContext;
  readonly #boundToken: BoundToken;
  readonly #handlers: StayHandlers = {
    handleJoined: (message) => {
      this.#handleJoined(message);
    },
    handleAtDoor: (message) => {
      // A person may take as long as it takes.
      clearTimeout(this.#deadline);
      this.#rejoin?.hold();
      this.#boundToken.handleAccepted();
      this.#context.rules.handle(message);
      this.#setState('connecting');
    },
    handleLost: (error) => {
      this.#lose(error);
    },
    handleError: (error) => {
      if (MAY_REFUSE_OFFERS.has(error.code)) this.#media?.handleRefusal();
      this.#context.tell('error', error);
    },
    handleViolation: (reason) => {
      this.#end(new QuietroomError('protocol-violation', reason));
    },
  };
  readonly #cleanups: (() => void)[] = [];
  #state: RoomState = 'idle';
  #error: QuietroomError | undefined;
  #connection: SignalingConnection | undefined;
  /** What the server wants signed on the present connection's first socket. */
  #nonce: Promise<string> | undefined;
  /** The number of what a person said or asked for last, which is kept nowhere. */
  #asked: number | undefined;
  /** Something of it is yet to be sealed, and has no number. */
  #isSealing = false;
  #awaitsJoined = false;
  #media: MediaConnection | undefined;
  #encryption: Encryption | undefined;
  #rejoin: Rejoin | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  /** What was told last of {@link Stay.isRejoining}. */
  #wasRejoining = false;
  #settleJoin: { resolve: () => void; reject: (error: QuietroomError) => void } | undefined;

  constructor(context: StayContext) {
    this.#context = context;
    this.#boundToken = new BoundToken(context.options, context.environment);
  }

  /** As {@link Room.state}. */
  get state(): RoomState {
    return this.#state;
  }

  /** What ended the stay, if it was an error. */
  get error(): QuietroomError | undefined {
    return this.#error;
  }

  /** As {@link Room.isRejoining}. */
  get isRejoining(): boolean {
    if (this.#state === 'disconnected' || this.#rejoin?.isUnderWay !== true) return false;
    return this.#connection === undefined || this.#awaitsJoined;
  }

  /** Absent before the join. */
  get encryption(): Encryption | undefined {
    return this.#encryption;
  }

  /** Absent before the join. */
  get media(): MediaConnection | undefined {
    return this.#media;
  }

  /** As {@link Room.prepare}. */
  prepare(): void {
    if (this.#state === 'idle') this.#boundToken.prepare();
  }

  /** As {@link Room.join}. */
  join(token: string, options: JoinOptions): Promise<void> {
    return this.#begin(() => {
      this.#boundToken.close();
      this.#start(token, options);
    });
  }

  /** As {@link Room.joinBy}. */
  joinBy(url: string | URL, options: Omit<JoinOptions, 'identity'>): Promise<void> {
    return this.#begin(() => {
      this.#setState('connecting');
      this.#boundToken.request(url).then(
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

  /** As {@link Room.leave}. */
  leave(): void {
    // What was given to a socket that works gets there before the end.
    const isLost = this.#connection?.isInterrupted === true && this.#isUnsent();
    this.send({ type: 'leave' });
    this.#end(isLost ? new QuietroomError('not-connected') : undefined);
  }

  /** Sends to the server, if there is a connection. */
  send(message: ClientMessage): void {
    this.#connection?.send(message);
  }

  /**
   * Sends what is kept nowhere else: if the stay is lost before the server is
   * known to have it, the room's `error` says so. Throws as {@link Stay.requireConnection}.
   */
  ask(message: ClientMessage): void {
    this.requireConnection();
    this.#asked = this.#connection?.send(message);
  }

  /** The same of what the worker has, and is about to give to be sent. */
  noteSealing(): void {
    this.#isSealing = true;
  }

  /**
   * Throws as {@link Stay.requireConnection}, and also until media is back:
   * before, the group may not have taken us in again, and what is sealed for it
   * as it was is read by nobody.
   */
  requireGroup(): void {
    this.requireConnection();
    if (this.#rejoin?.isUnderWay === true) throw new QuietroomError('not-connected');
  }

  /** Throws `not-connected` while what is sent would reach nobody: nothing is kept then. */
  requireConnection(): void {
    if (this.isRejoining || this.#state === 'disconnected') {
      throw new QuietroomError('not-connected');
    }
  }

  #begin(start: () => void): Promise<void> {
    if (this.#state !== 'idle') return Promise.reject(new QuietroomError('invalid-state'));
    this.timings.joinCalled = this.#now();
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

  #start(token: string, { name = '', identity }: JoinOptions): void {
    const { options, environment, localMedia } = this.#context;
    const transformInterface = requireTransformInterface(environment.scope);
    const address = signalingAddress(environment.page, options.url);
    this.#setState('connecting');
    this.#setDeadline(SIGNALING_TIMEOUT, () => new QuietroomError('join-timeout'));
    this.#openConnection(address);
    const joinAgain = (): void => {
      this.#joinAgain(address);
    };
    this.#rejoin = new Rejoin(joinAgain, environment.timers, () => environment.isOffline());
    this.#cleanups.push(() => {
      this.#connection?.close();
      this.#media?.close();
      this.#rejoin?.end();
    });

    const worker = identity?.take() ?? environment.startWorker(options.workerUrl);
    environment.timers.useWorker(worker);
    const encryption = this.#createEncryption(worker, transformInterface, identity !== undefined);
    const keyPackage = encryption.open(token, name);
    // The key package takes its time, in which the connection can be made.
    this.#sayJoin({ keyPackageFollows: true });
    void keyPackage.then((made) => {
      this.send({ type: 'mls-key-package', keyPackage: made });
    });

    const peer = this.#createMedia(encryption).open();
    this.#cleanups.push(
      environment.onNetworkChange(() => {
        this.#connection?.reconnect();
        this.#rejoin?.hurry();
      }),
      environment.onPageHide(() => {
        this.leave();
      }),
    );
    localMedia.open(options);
    localMedia.screen.connect(peer);
    this.#publish(peer);
  }

  #createEncryption(
    worker: TransformWorker,
    transformInterface: TransformInterface,
    isBound: boolean,
  ): Encryption {
    const { local, people, rules, tell } = this.#context;
    const context = { local, roster: people.roster, tell };
    const encryption = new Encryption(worker, transformInterface, isBound, context);
    this.#encryption = encryption;
    this.#cleanups.push(() => {
      encryption.close();
    });
    encryption.on('send', (message) => {
      const number = this.#connection?.send(message);
      if (!this.#isSealing || !SEALED.has(message.type)) return;
      this.#isSealing = false;
      this.#asked = number;
    });
    encryption.on('caller', (participantId, name, isReachable) => {
      rules.handleCaller(participantId, name, isReachable);
    });
    encryption.on('note', (from, text) => {
      rules.handleNote({ from, text });
    });
    encryption.on('changed', () => {
      this.timings.encrypted ??= this.#now();
    });
    encryption.on('newcomers', () => this.#media?.peer?.refreshPictures());
    encryption.on('failed', (error) => {
      this.#end(error);
    });
    return encryption;
  }

  #createMedia({ transforms }: Encryption): MediaConnection {
    const { options, environment, people } = this.#context;
    const createPeer = (): Peer => {
      const { iceTransportPolicy, videoCodec } = options;
      const configuration = peerConfiguration([], iceTransportPolicy);
      const connection = environment.createPeerConnection(configuration);
      const { timers } = environment;
      return new Peer(connection, transforms, videoCodec, iceTransportPolicy, timers);
    };
    const media = new MediaConnection(createPeer, () => this.#connection?.isLive === true);
    this.#media = media;
    media.on('stateChanged', (state) => {
      this.#handleMediaState(state);
    });
    media.on('offer', (offer) => {
      this.send(offer);
    });
    media.on('answered', () => {
      if (this.#state === 'disconnected') return;
      this.timings.answered ??= this.#now();
      people.views.open();
      if (this.timings.connected === undefined) {
        this.#setDeadline(MEDIA_TIMEOUT, () => media.unreachable());
      }
    });
    media.on('uplinkChanged', (capacity) => {
      this.#handleUplink(capacity);
    });
    media.on('pathChanged', (path) => {
      this.#context.tell('pathChanged', path);
    });
    media.on('doubtful', () => this.#connection?.reconnect());
    media.on('lost', (error) => {
      this.#lose(error);
    });
    media.on('failed', (error) => {
      this.#end(error);
    });
    return media;
  }

  #openConnection(address: URL): void {
    const { environment } = this.#context;
    const open = (): SignalingSocket => environment.openSocket(address);
    const connection = new SignalingConnection(open, environment.timers);
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
      this.#media?.handleReachable();
    });
  }

  #publish(peer: Peer): void {
    this.#context.localMedia.publish(peer, (error) => {
      // A peer that has been replaced takes no tracks, and need not.
      if (peer === this.#media?.peer) this.#end(error);
    });
  }

  /** The stay is lost. Joins again by itself if there was one and that may help. */
  #lose(error: QuietroomError): void {
    if (this.#state === 'disconnected') return;
    const wasKnown = this.timings.connected !== undefined || this.#context.rules.isAtDoor;
    if (!wasKnown || !this.#mayRejoinAfter(error) || this.#rejoin?.plan() !== true) {
      this.#end(error);
      return;
    }
    clearTimeout(this.#deadline);
    this.#encryption?.awaitNothing();
    const isUnsent = this.#isUnsent();
    this.#asked = undefined;
    this.#isSealing = false;
    this.send({ type: 'leave' });
    this.#connection?.close();
    // What its attempt still waits for comes too late.
    this.#connection = undefined;
    this.#media?.drop();
    this.#setState('reconnecting');
    this.#context.people.handleLost();
    this.#tellRejoining();
    if (isUnsent) this.#context.tell('error', new QuietroomError('not-connected'));
  }

  /** Whether something was asked that the server is not known to have. */
  #isUnsent(): boolean {
    if (this.#isSealing) return true;
    return this.#asked !== undefined && this.#connection?.hasArrived(this.#asked) !== true;
  }

  #mayRejoinAfter({ code }: QuietroomError): boolean {
    return code === 'token-expired' ? this.#boundToken.handleExpired() : mayRejoinAfter(code);
  }

  #joinAgain(address: URL): void {
    this.#openConnection(address);
    const connection = this.#connection;
    this.#rejoin?.limit(REJOIN_TIMEOUT, () => {
      this.#lose(new QuietroomError('join-timeout'));
    });
    const encryption = this.#encryption;
    if (encryption === undefined) return;
    Promise.all([encryption.rejoin(), this.#boundToken.renew()])
      .then(([entrance, token]) => {
        if (connection !== this.#connection) return;
        if (token !== undefined) encryption.renew(token);
        this.#sayJoin(entrance);
      })
      .catch((reason: unknown) => {
        if (connection !== this.#connection) return;
        const error = toQuietroomError(reason, 'internal');
        this.#lose(mayPass(error) ? new QuietroomError('signaling-unreachable', error) : error);
      });
  }

  /** Asks to come in, and proves that the token is ours if it is bound to our key. */
  #sayJoin(entrance: Entrance | { readonly keyPackageFollows: true }): void {
    const connection = this.#connection;
    const encryption = this.#encryption;
    if (encryption === undefined) return;
    const { participantName } = encryption;
    const join = {
      type: 'join',
      token: encryption.token,
      ...participantName,
      ...entrance,
    } as const;
    if (!encryption.isBound) {
      connection?.send(join);
      return;
    }
    void this.#nonce
      ?.then((nonce) => encryption.prove(nonce))
      .then((proof) => connection?.send({ ...join, proof }));
  }

  #handleMessage(message: ServerMessage): void {
    const { localMedia, people, rules } = this.#context;
    if (this.#media === undefined || this.#encryption === undefined) return;
    dispatch(message, {
      stay: this.#handlers,
      media: this.#media,
      encryption: this.#encryption,
      localMedia,
      people,
      rules,
    });
  }

  #handleJoined(message: JoinedMessage): void {
    const { local, localMedia, people, rules, tell } = this.#context;
    const isRejoin = this.isRejoining;
    const peer = isRejoin ? this.#openAgain() : this.#media?.peer;
    if (peer === undefined || !this.#awaitsJoined) {
      this.#end(new QuietroomError('protocol-violation', 'joined came twice'));
      return;
    }
    // The group knows us by the id that we chose: another one would be somebody else's.
    if (message.participantId !== this.#encryption?.participantId) {
      this.#end(new QuietroomError('protocol-violation', 'joined names another participant'));
      return;
    }
    this.#awaitsJoined = false;
    this.#rejoin?.handleAnswered();
    this.#boundToken.handleAccepted();
    this.timings.signaled ??= this.#now();
    people.views.close();
    // A new connection begins with all.
    local.handleUplink('all');
    if (isRejoin) people.handleRejoined(message.participants);
    else this.#setDeadline(SIGNALING_TIMEOUT, () => new QuietroomError('join-timeout'));
    rules.handleJoined(message);
    local.handleJoined(message.participantId, message.role);
    localMedia.hold(rules.permissions);
    if (rules.permissions.has('admit')) this.#encryption.openDoor();
    try {
      const slots = { people: message.slots, screens: message.screenSlots };
      people.roster.handleSlotTracks(peer.addSlots(slots));
    } catch (reason) {
      this.#end(toQuietroomError(reason, 'unsupported-browser'));
      return;
    }
    this.#media?.offer(message.iceServers);
    tell('localParticipantUpdated', local);
    for (const participant of message.participants) people.roster.handleParticipant(participant);
    this.#encryption.announceConnected();
    this.#encryption.awaitGroup();
    localMedia.handleJoined();
    if (isRejoin) localMedia.screen.reconnect(peer);
    this.#tellRejoining();
  }

  /** Makes a new peer connection in place of the one that is lost. */
  #openAgain(): Peer | undefined {
    const peer = this.#media?.open();
    if (peer !== undefined) this.#publish(peer);
    return peer;
  }

  #handleUplink(capacity: UplinkCapacity): void {
    const { local, tell } = this.#context;
    this.send({ type: 'uplink', capacity });
    if (local.handleUplink(capacity)) tell('localParticipantUpdated', local);
  }

  #handleMediaState(state: RTCPeerConnectionState): void {
    switch (state) {
      case 'connected':
        this.timings.connected ??= this.#now();
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
    const isWhole = this.#media?.isConnected === true && this.#connection?.isInterrupted === false;
    this.#setState(isWhole ? 'connected' : 'reconnecting');
  }

  #setDeadline(milliseconds: number, error: () => QuietroomError): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#end(error());
    }, milliseconds);
  }

  #setState(state: RoomState): void {
    if (this.#state === state || this.#state === 'disconnected') return;
    this.#state = state;
    this.#context.tell('stateChanged', state);
  }

  #tellRejoining(): void {
    const { isRejoining } = this;
    if (isRejoining === this.#wasRejoining) return;
    this.#wasRejoining = isRejoining;
    this.#context.tell('rejoiningChanged', isRejoining);
  }

  #end(error?: QuietroomError): void {
    if (this.#state === 'disconnected') return;
    const { localMedia, people, tell } = this.#context;
    this.#error = error;
    clearTimeout(this.#deadline);
    this.#encryption?.awaitNothing();
    localMedia.close();
    people.views.close();
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#boundToken.close();
    people.roster.clear();
    this.#setState('disconnected');
    this.#tellRejoining();
    if (error !== undefined) tell('error', error);
    this.#settleJoin?.reject(error ?? new QuietroomError('left'));
  }

  #now(): number {
    return this.#context.environment.now();
  }
}

/** Refusals that may be of an offer. */
const MAY_REFUSE_OFFERS: ReadonlySet<QuietroomErrorCode> = new Set([
  'rate-limited',
  'invalid-offer',
  'internal',
]);

/** What carries the words that were given to the worker. */
const SEALED: ReadonlySet<ClientMessage['type']> = new Set(['mls-message', 'tell-waiting']);

/** For an attempt to join again, until media flows, in ms. */
const REJOIN_TIMEOUT = 15_000;

/** From `join()` until the server's answer is in force, in ms. */
const SIGNALING_TIMEOUT = 10_000;

/** From the answer until media can flow, in ms. */
const MEDIA_TIMEOUT = 15_000;
