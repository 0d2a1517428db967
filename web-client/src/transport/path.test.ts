import { expect, test } from 'vitest';
import type { Report } from './report';
import { pathInUse } from './path';

function reports(...all: Report[]): Map<string, Report> {
  return new Map(all.map((report) => [String(report['id']), report]));
}

const RELAY = { id: 'L', type: 'local-candidate', candidateType: 'relay', protocol: 'udp' };

test.each([
  [{ ...RELAY, candidateType: 'host' }, 'udp'],
  [{ ...RELAY, candidateType: 'prflx', protocol: 'tcp' }, 'tcp'],
  [{ ...RELAY, relayProtocol: 'udp' }, 'relay-udp'],
  [{ ...RELAY, relayProtocol: 'tcp' }, 'relay-tcp'],
  [{ ...RELAY, relayProtocol: 'tls' }, 'relay-tls'],
  [{ ...RELAY, relayProtocol: 'constructor' }, undefined],
  [RELAY, undefined],
])('a path is known by the candidate that it begins at', (local, expected) => {
  const transport = { id: 'T', type: 'transport', selectedCandidatePairId: 'P' };
  const pair = { id: 'P', type: 'candidate-pair', localCandidateId: 'L' };

  expect(pathInUse(reports(transport, pair, local))).toBe(expected);
});

test('without a report of the transport, the selected pair counts before one nominated earlier', () => {
  const pairs = [
    { id: 'P', type: 'candidate-pair', localCandidateId: 'H', nominated: true, selected: false },
    { id: 'Q', type: 'candidate-pair', localCandidateId: 'L', nominated: true, selected: true },
  ];
  const host = { id: 'H', type: 'local-candidate', candidateType: 'host', protocol: 'udp' };

  expect(pathInUse(reports(...pairs, host, { ...RELAY, relayProtocol: 'tls' }))).toBe('relay-tls');
});

test('while nothing is selected there is no path', () => {
  expect(pathInUse(reports())).toBeUndefined();
  expect(pathInUse(reports({ id: 'P', type: 'candidate-pair' }))).toBeUndefined();
});
