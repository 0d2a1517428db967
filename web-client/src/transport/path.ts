import type { Report } from './report';

/**
 * How media gets to the server: straight, over UDP or TCP, or by a relay that
 * is reached over UDP, TCP or TLS. The last two, and `tcp`, mostly go through
 * the port of web pages, since nothing else was let through.
 */
export type TransportPath = 'udp' | 'tcp' | 'relay-udp' | 'relay-tcp' | 'relay-tls';

/** The path in use, by the browser's own reports; `undefined` while there is none. */
export function pathInUse(reports: ReadonlyMap<string, Report>): TransportPath | undefined {
  return pathOf(reports.get(String(selectedPair(reports)?.['localCandidateId'])));
}

/** The pair of candidates in use. */
export function selectedPair(reports: ReadonlyMap<string, Report>): Report | undefined {
  const all = [...reports.values()];
  const transport = all.find(({ type }) => type === 'transport');
  const pairs = all.filter(({ type }) => type === 'candidate-pair');
  return (
    reports.get(String(transport?.['selectedCandidatePairId'])) ??
    // Firefox has no report of the transport.
    pairs.find((pair) => pair['selected'] === true) ??
    pairs.find((pair) => pair['nominated'] === true)
  );
}

/** The path that begins at a candidate of ours. */
export function pathOf(local: Report | undefined): TransportPath | undefined {
  if (local === undefined) return undefined;
  const isRelay = local['candidateType'] === 'relay';
  const protocol = String(local[isRelay ? 'relayProtocol' : 'protocol']);
  return PATHS[isRelay ? `relay-${protocol}` : protocol];
}

const PATHS: Partial<Record<string, TransportPath>> = {
  udp: 'udp',
  tcp: 'tcp',
  'relay-udp': 'relay-udp',
  'relay-tcp': 'relay-tcp',
  'relay-tls': 'relay-tls',
};
