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
