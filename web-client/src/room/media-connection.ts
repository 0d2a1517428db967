import { QuietroomError, toQuietroomError } from '../error';
import { Emitter } from '../events';
import type { PublicationSource } from '../signaling/protocol/PublicationSource';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { UplinkCapacity } from '../signaling/protocol/UplinkCapacity';
import type { VideoCodec } from '../signaling/protocol/VideoCodec';
import { IceRestart } from '../transport/ice-restart';
import type { TransportPath } from '../transport/path';
import type { Offer, Peer } from '../transport/peer';
import type { Report } from '../transport/report';

interface MediaConnectionEvents {
  stateChanged: [state: RTCPeerConnectionState];
  offer: [offer: Offer];
  /** An answer is in force. */
  answered: [];
  /** The server may be out of reach, which nobody has told yet. */
  doubtful: [];
  /** Of the camera another amount goes out than before: as much as the path takes. */
  uplinkChanged: [capacity: UplinkCapacity];
  /** Media goes another way. */
  pathChanged: [path: TransportPath];
  /** Media does not come, or not come back. */
  lost: [error: QuietroomError];
  /** The browser, or the server, does not do what it must. */
  failed: [error: QuietroomError];
}

/** A stay's connection for media: one peer connection after the other, each with its ICE restarts. */
export class MediaConnection extends Emitter<MediaConnectionEvents> {
  readonly #createPeer: () => Peer;
  readonly #canOffer: () => boolean;
  #peer: Peer | undefined;
  #iceRestart: IceRestart | undefined;
  #wasConnected = false;
  #isAnswered = false;
  #videoCodecs: readonly VideoCodec[] | undefined;

  /** `canOffer` says whether an offer would reach the server now, as far as is known. */
  constructor(createPeer: () => Peer, canOffer: () => boolean) {
    super();
    this.#createPeer = createPeer;
    this.#canOffer = canOffer;
  }

  /** The present one; absent while it is lost. */
  get peer(): Peer | undefined {
    return this.#peer;
  }

  get isConnected(): boolean {
    return this.#peer?.state === 'connected';
  }

  /** Why media does not come, where it never did. */
  unreachable(): QuietroomError {
    const refusal = this.#peer?.relayRefusal;
    if (refusal !== undefined) return new QuietroomError('relay-refused', refusal);
    return new QuietroomError('media-unreachable');
  }

  /** Which way media goes; `undefined` before it does. */
  get path(): TransportPath | undefined {
    return this.#peer?.path;
  }

  /** What is sent in each section, by its `a=mid`. */
  get sources(): ReadonlyMap<string, PublicationSource> {
    return this.#peer?.sources ?? new Map<string, PublicationSource>();
  }

  /** The browser's own reports; none while the connection is lost. */
  async statistics(): Promise<Report[]> {
    return (await this.#peer?.statistics()) ?? [];
  }

  /** Makes a peer connection, in place of the one before. */
  open(): Peer {
    const peer = this.#createPeer();
    this.#peer = peer;
    this.#isAnswered = false;
    const iceRestart = this.#createIceRestart(peer);
    this.#iceRestart?.close();
    this.#iceRestart = iceRestart;
    peer.on('connectionState', (state) => {
      if (peer !== this.#peer) return;
      if (state === 'connected') this.#wasConnected = true;
      this.emit('stateChanged', state);
      iceRestart.handleState(state);
    });
    peer.on('uplinkChanged', (capacity) => {
      if (peer === this.#peer) this.emit('uplinkChanged', capacity);
    });
    peer.on('pathChanged', (path) => {
      if (peer === this.#peer) this.emit('pathChanged', path);
    });
    peer.on('refused', () => {
      if (peer === this.#peer && !iceRestart.wasConnected) this.emit('lost', this.unreachable());
    });
    // A path that is gone has taken the socket along, which nobody has told yet.
    peer.on('silent', () => {
      if (peer === this.#peer) this.emit('doubtful');
    });
    return peer;
  }

  /** The connection is lost; {@link MediaConnection.open} makes another one. */
  drop(): void {
    this.close();
    this.#peer = undefined;
  }

  close(): void {
    this.#peer?.close();
    this.#iceRestart?.close();
  }

  offer(iceServers: Parameters<Peer['offer']>[0]): void {
    const peer = this.#peer;
    peer?.offer(iceServers).then(
      (offer) => {
        if (peer === this.#peer) this.emit('offer', offer);
      },
      (reason: unknown) => {
        if (peer !== this.#peer) return;
        this.emit('failed', new QuietroomError('unsupported-browser', reason));
      },
    );
  }

  /** The server can be reached again, maybe from elsewhere than before. */
  handleReachable(): void {
    this.#iceRestart?.handleReachable();
  }

  /** The server refused something that was sent, which may have been an offer. */
  handleRefusal(): void {
    this.#iceRestart?.handleRefusal();
  }

  handle(message: MediaMessage): void {
    switch (message.type) {
      case 'answer':
        this.#handleAnswer(message.sdp);
        break;
      case 'ice-servers':
        this.#peer?.setIceServers(message.iceServers);
        break;
      case 'audio-codecs':
        void this.#peer?.setSoundDecodedByAll(message.codecs);
        break;
      case 'video-codecs':
        this.#videoCodecs = message.codecs;
        this.#applyVideoCodecs();
        break;
      case 'watched':
        this.#peer?.setWatched(message.source, message.watched, message.layer);
        break;
    }
  }

  #handleAnswer(sdp: string): void {
    const peer = this.#peer;
    peer?.answer(sdp).then(
      () => {
        if (peer !== this.#peer) return;
        this.#isAnswered = true;
        this.#iceRestart?.handleAnswer();
        this.emit('answered');
        this.#applyVideoCodecs();
      },
      (reason: unknown) => {
        if (peer !== this.#peer) return;
        this.emit('failed', new QuietroomError('protocol-violation', reason));
      },
    );
  }

  #applyVideoCodecs(): void {
    if (!this.#isAnswered || this.#videoCodecs === undefined) return;
    void this.#peer?.setDecodedByAll(this.#videoCodecs);
  }

  #createIceRestart(peer: Peer): IceRestart {
    return new IceRestart({
      canOffer: this.#canOffer,
      isSilent: () => peer.isSilent,
      offer: () => {
        peer.restart().then(
          (offer) => {
            if (peer === this.#peer) this.emit('offer', offer);
          },
          (reason: unknown) => {
            if (peer !== this.#peer) return;
            this.emit('lost', toQuietroomError(reason, 'media-disconnected'));
          },
        );
      },
      withdraw: () => {
        void peer.withdraw();
      },
      doubtServer: () => {
        this.emit('doubtful');
      },
      giveUp: () => {
        const error = this.#wasConnected
          ? new QuietroomError('media-disconnected')
          : this.unreachable();
        this.emit('lost', error);
      },
    });
  }
}

type MediaMessage = Extract<
  ServerMessage,
  { type: 'answer' | 'ice-servers' | 'audio-codecs' | 'video-codecs' | 'watched' }
>;
