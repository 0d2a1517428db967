/** A page's connections, kept by {@link keepConnections}. */
export interface Kept {
  connections: RTCPeerConnection[];
}

/** Runs in the page: keeps every connection that is made, to ask it for its figures. */
export function keepConnections(): void {
  const kept: RTCPeerConnection[] = [];
  (globalThis as unknown as Kept).connections = kept;
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      kept.push(this);
    }
  };
}

/** Runs in the page: packets of sound that its connections have received. */
export async function countSoundPackets(): Promise<number> {
  let packets = 0;
  for (const connection of (globalThis as unknown as Kept).connections) {
    for (const report of (await connection.getStats()).values()) {
      const stats = report as RTCInboundRtpStreamStats;
      if (stats.type === 'inbound-rtp' && stats.kind === 'audio') {
        packets += stats.packetsReceived ?? 0;
      }
    }
  }
  return packets;
}
