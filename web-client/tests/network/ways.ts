import type { Attendee } from '../browser/attendee';
import type { TransportPath } from '../../src/index';

/** What a page can be made to know of alone. */
export type OnlyWay = TransportPath | 'relay' | 'no-relay' | 'any';

/**
 * Has pages whose address ends in `?way=relay-tls` know of that way alone, those
 * with `?way=relay` of relays alone, and those with `?way=no-relay` of none. With
 * `credential` relays are shown that in place of what the server gave.
 */
export function restrictWays(): void {
  const parameters = new URLSearchParams(location.search);
  const [way, credential] = [parameters.get('way'), parameters.get('credential')];
  if (way === null) return;
  const isWay = (url: string): boolean => {
    if (way === 'relay' || way === 'any') return true;
    if (way === 'no-relay') return false;
    if (url.startsWith('turns:')) return way === 'relay-tls';
    return way === (url.endsWith('transport=tcp') ? 'relay-tcp' : 'relay-udp');
  };
  const restricted = (configuration: RTCConfiguration): RTCConfiguration => ({
    ...configuration,
    iceTransportPolicy: way === 'no-relay' || way === 'any' ? 'all' : 'relay',
    iceServers: (configuration.iceServers ?? [])
      .map((server) => ({
        ...server,
        ...(credential !== null && { credential }),
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
export function linkBy(way: OnlyWay | undefined, link: string, credential?: string): string {
  if (way === undefined) return link;
  const also = credential === undefined ? '' : `&credential=${credential}`;
  return link.replace('/#', `/?way=${way}${also}#`);
}

/** Which way the page's media goes. */
export function pathOf(attendee: Attendee): Promise<TransportPath | undefined> {
  return attendee.evaluate(() => document.querySelector('quiet-room')?.room?.path);
}
