import type { IceServer } from '../signaling/protocol/IceServer';

/** `RTCConfiguration` with Chromium's flag, which is not in TypeScript's library. */
export interface PeerConfiguration extends RTCConfiguration {
  readonly encodedInsertableStreams: boolean;
}

/** The configuration of every peer connection of ours. */
export function peerConfiguration(
  iceServers: readonly IceServer[],
  iceTransportPolicy: RTCIceTransportPolicy = 'all',
): PeerConfiguration {
  return {
    iceTransportPolicy,
    bundlePolicy: 'max-bundle',
    rtcpMuxPolicy: 'require',
    // Chromium then holds all frames back until a transform is set. Others ignore it.
    encodedInsertableStreams: true,
    iceServers: iceServers.map(({ urls, username, credential }) => ({
      urls,
      username,
      credential,
    })),
  };
}
