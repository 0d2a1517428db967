import type { Attendee } from '../browser/attendee';
import type { TransportPath } from '../../src/index';

/** What a page can be made to know of alone. */
export type OnlyWay = TransportPath | 'relay' | 'no-relay';

/**
 * Has pages whose address ends in `?way=relay-tls` know of that way alone, those
 * with `?way=relay` of relays alone, and those with `?way=no-relay` of none.
 */
export function restrictWays(): void {
  const way = new URLSearchParams(location.search).get('way');
  if (way === null) return;
  const isWay = (url: string): boolean => {
    if (way === 'relay' || way === 'no-relay') return way === 'relay';
    if (url.startsWith('turns:')) return way === 'relay-tls';
    return way === (url.endsWith('transport=tcp') ? 'relay-tcp' : 'relay-udp');
  };
  const restricted = (configuration: RTCConfiguration): RTCConfiguration => ({
    ...configuration,
    iceTransportPolicy: way === 'no-relay' ? 'all' : 'relay',
    iceServers: (configuration.iceServers ?? [])
      .map((server) => ({
        ...server,
        urls: [server.urls].flat().filter(isWay),
      }))
      .filter(({ urls }) => urls.length > 0),
  });
  const Original = RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration: RTCConfiguration = {}) {
      super(restricted(configuration));
    }

    override setConfiguration(configuration: RTCConfiguration = {}): void {
      super.setConfiguration(restricted(configuration));
    }
  };
}

/** A link that lets a page know of one way alone; see {@link restrictWays}. */
export function linkBy(way: OnlyWay | undefined, link: string): string {
  return way === undefined ? link : link.replace('/#', `/?way=${way}#`);
}

/** Which way the page's media goes. */
export function pathOf(attendee: Attendee): Promise<TransportPath | undefined> {
  return attendee.evaluate(() => document.querySelector('quiet-room')?.room?.path);
}
