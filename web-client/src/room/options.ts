import type { Identity } from '../e2ee/identity';
import type { VideoCodec } from '../signaling/protocol/VideoCodec';

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
  /**
   * `relay`: media goes by a relay alone, whose address is all that media servers
   * learn. From the server that the signaling socket leads to it hides nothing:
   * that one sees where the socket comes from, and is the relay itself unless it
   * names an outside one. `all` by default: the straight way first.
   */
  readonly iceTransportPolicy?: RTCIceTransportPolicy | undefined;
}

/** What the others may know of who joins. */
export interface JoinOptions {
  /** As the person wants to be called, up to 80 characters. Only members of the room see it. */
  readonly name?: string | undefined;
  /** The key that the token is bound to, if it is (`cnf.jkt`); good for one stay. */
  readonly identity?: Identity | undefined;
}
