/** The path of the signaling socket on a server. */
export const SIGNALING_PATH = '/v1/signal';

/**
 * The signaling socket's address: `url`, relative to the page, or by default
 * the server the page came from. `http:` and `https:` are taken as `ws:` and
 * `wss:`.
 *
 * Throws a `TypeError` when `url` is no address of these kinds.
 */
export function signalingAddress(page: string, url: string | URL = SIGNALING_PATH): URL {
  const address = new URL(url, page);
  const scheme = SCHEMES[address.protocol];
  if (scheme === undefined) {
    throw new TypeError(`the signaling url's scheme is ${address.protocol}, not ws: or wss:`);
  }
  address.protocol = scheme;
  address.hash = '';
  return address;
}

const SCHEMES: Partial<Record<string, string>> = {
  'http:': 'ws:',
  'https:': 'wss:',
  'ws:': 'ws:',
  'wss:': 'wss:',
};
