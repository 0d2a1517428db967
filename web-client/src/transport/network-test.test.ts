import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createIdentity } from '../e2ee/identity';
import { FakeEnvironment, stubGlobals } from '../room/fake-environment';
import type { Report } from './report';
import { foundPaths, judge, mediaAddresses, testNetwork, type FoundPaths } from './network-test';
import type { TransportPath } from './path';

const RELAY = { urls: ['turns:a.example:443?transport=tcp'], username: 'u', credential: 'c' };
const TOKEN = `a.${btoa(JSON.stringify({ room: 'one' }))}.c`;
let environment: FakeEnvironment;

beforeEach(() => {
  stubGlobals();
  environment = new FakeEnvironment();
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Whatever waits for nothing that is yet to come has happened. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** The server's side of a test, up to its answer. */
async function serve(answer = 'v=0', isTaken = true): Promise<void> {
  await vi.waitFor(() => {
    expect(environment.socketAddress).toBeDefined();
  }, PATIENCE);
  const { socket } = environment;
  socket.accept();
  socket.say({ type: 'challenge', nonce: 'once' });
  await vi.waitFor(() => {
    expect(socket.sent).toHaveLength(1);
  }, PATIENCE);
  socket.say({ type: 'network-test', iceServers: [RELAY] });
  await vi.waitFor(() => {
    expect(socket.sent).toHaveLength(2);
  }, PATIENCE);
  socket.say({ type: 'answer', sdp: answer });
  await vi.waitFor(() => {
    expect(environment.connection.answers).toEqual(isTaken ? [answer] : []);
  }, PATIENCE);
}

test('a way that works is found, with relays in the connection that was offered', async () => {
  environment.connection.relayProtocol = 'tls';
  const testing = testNetwork({ token: TOKEN }, environment);
  await serve();

  const { socket, connection } = environment;
  environment.advance(10_000);
  const result = await testing;

  expect(socket.sent).toEqual([
    { type: 'test-network', token: TOKEN },
    {
      type: 'offer',
      sdp: 'offer',
      publications: [{ mid: '0', source: 'microphone' }],
      slots: [],
      screenSlots: [],
    },
  ]);
  expect(environment.configuration?.iceServers).toEqual([RELAY]);
  expect(result).toMatchObject({
    verdict: 'web-port',
    paths: { udp: 'failed', tcp: 'untested', 'relay-udp': 'untested', 'relay-tls': 'works' },
  });
  expect(connection.isClosed).toBe(true);
  expect(socket.closedWith).toBe(1000);
});

test('a token that is bound to a key is shown with a proof, and the key can be joined with', async () => {
  const identity = await createIdentity({}, environment);
  const testing = testNetwork({ token: TOKEN, identity }, environment);
  await serve();
  environment.advance(10_000);
  await testing;

  expect(environment.socket.sent[0]).toMatchObject({
    type: 'test-network',
    proof: { signature: 'of once' },
  });
  expect(environment.worker.requests).toContainEqual({
    type: 'prove-join',
    purpose: 'network-test',
    nonce: 'once',
    room: 'one',
    token: TOKEN,
  });
  expect(environment.worker.isTerminated).toBe(false);
  expect(() => identity.take()).not.toThrow();
});

test('a token that has to be asked for comes with a key for the test alone', async () => {
  environment.fetch.mockResolvedValue(new Response(JSON.stringify({ token: TOKEN })));
  const testing = testNetwork({ tokenUrl: '/token' }, environment);
  await serve();
  environment.advance(10_000);
  await testing;

  expect(environment.worker.isTerminated).toBe(true);
});

test('what is no address, and an answer that does not fit, end the test and its key', async () => {
  environment.fetch.mockImplementation(() =>
    Promise.resolve(new Response(JSON.stringify({ token: TOKEN }))),
  );
  const lost = testNetwork({ tokenUrl: '/token', url: 'mailto:nobody' }, environment);
  await expect(lost).rejects.toMatchObject({ code: 'signaling-unreachable' });
  expect(environment.worker.isTerminated).toBe(true);

  environment.connection.refuseAnswer = true;
  const testing = testNetwork({ token: TOKEN }, environment);
  testing.catch(() => undefined);
  await serve('v=1', false);
  await expect(testing).rejects.toMatchObject({ code: 'protocol-violation' });
  expect(environment.connection.isClosed).toBe(true);
});

test('a server that refuses says why, and one that is not there is not awaited for ever', async () => {
  const refused = testNetwork({ token: TOKEN }, environment);
  await settle();
  environment.socket.accept();
  environment.socket.say({ type: 'challenge', nonce: 'once' });
  await vi.waitFor(() => {
    expect(environment.socket.sent).toHaveLength(1);
  }, PATIENCE);
  environment.socket.say({ type: 'error', code: 'token-expired', message: 'old', fatal: true });
  await expect(refused).rejects.toMatchObject({ code: 'token-expired' });

  const unreachable = testNetwork({ token: TOKEN }, environment);
  await settle();
  environment.socket.drop();
  await expect(unreachable).rejects.toMatchObject({ code: 'signaling-unreachable' });
  await expect(testNetwork({}, environment)).rejects.toMatchObject({ code: 'invalid-state' });
});

test('a way was answered, or is that of a relay that gave an address', () => {
  const all: Report[] = [
    { id: 'U', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
    { id: 'T', type: 'local-candidate', candidateType: 'host', protocol: 'tcp' },
    { id: 'R', type: 'local-candidate', candidateType: 'relay', relayProtocol: 'tcp' },
    { id: 'X', type: 'remote-candidate', candidateType: 'relay', relayProtocol: 'udp' },
    { id: 'P', type: 'candidate-pair', state: 'in-progress', localCandidateId: 'U' },
    { id: 'Q', type: 'candidate-pair', state: 'succeeded', localCandidateId: 'T' },
  ];

  const found = foundPaths(new Map(all.map((report) => [String(report['id']), report])));

  expect(found).toEqual({ answered: new Set(['tcp']), addressed: new Set(['relay-tcp']) });
});

test('a relay whose address reaches no media is of no use', async () => {
  environment.connection.relayProtocol = 'tls';
  environment.connection.isAnswered = false;
  const testing = testNetwork({ token: TOKEN }, environment);
  await serve();
  environment.advance(10_000);

  expect(await testing).toMatchObject({
    verdict: 'blocked',
    paths: { udp: 'failed', 'relay-tls': 'failed' },
  });
});

test.each([
  [['tcp'], ['relay-tls'], 'web-port', 'works'],
  [['relay-udp'], ['relay-tls'], 'relayed', 'works'],
  [['relay-udp'], [], 'relayed', 'failed'],
  [[], ['relay-udp', 'relay-tls'], 'blocked', 'failed'],
  [['relay-tls'], ['relay-udp'], 'web-port', 'works'],
] as const)('%s with an address by %s means %s', (answered, addressed, verdict, tls) => {
  const offered = new Set<TransportPath>(['udp', 'tcp', 'relay-udp', 'relay-tcp', 'relay-tls']);
  const found = { answered: new Set(answered), addressed: new Set(addressed) };

  const result = judge(offered, found, undefined);

  expect(result).toMatchObject({ verdict, paths: { 'relay-tls': tls } });
});

test('a better relay that was not answered is not among those that work', () => {
  const offered = new Set<TransportPath>(['udp', 'relay-udp', 'relay-tls']);
  const found: FoundPaths = {
    answered: new Set(['relay-tls']),
    addressed: new Set(['relay-udp', 'relay-tls']),
  };

  expect(judge(offered, found, undefined).paths['relay-udp']).toBe('failed');
});

test.each([
  [['udp', 'relay-tls'], 'good', 'works', 'untested'],
  [['relay-udp', 'relay-tcp'], 'relayed', 'failed', 'failed'],
  [['tcp'], 'web-port', 'failed', 'works'],
  [['relay-tls'], 'web-port', 'failed', 'failed'],
  [[], 'blocked', 'failed', 'failed'],
] as const)('%s means %s', (working, verdict, udp, tcp) => {
  const offered = new Set<TransportPath>(['udp', 'tcp', 'relay-udp', 'relay-tcp', 'relay-tls']);

  const answered = new Set<TransportPath>(working);
  const result = judge(offered, { answered, addressed: new Set() }, 12);

  expect(result).toMatchObject({ verdict, paths: { udp, tcp }, roundTripTime: 12 });
  expect(result.message).toMatch(/^Your network/);
});

const HOST = { id: 'H', type: 'local-candidate', candidateType: 'host', protocol: 'udp' };
const RELAYED = { id: 'R', type: 'local-candidate', candidateType: 'relay', relayProtocol: 'tls' };
const answeredBy = (localCandidateId: string): object => ({
  id: `pair ${localCandidateId}`,
  type: 'candidate-pair',
  state: 'succeeded',
  localCandidateId,
});

test.each([
  ['all is known', [HOST, RELAYED, answeredBy('H')], 1000],
  ['the best way works', [HOST, answeredBy('H')], 2500],
  ['a way works', [RELAYED, answeredBy('R')], 4000],
  ['nothing works', [RELAYED], 8000],
])('when %s, %j, it is over after %i ms', async (_, reports, duration) => {
  const entries = reports.map((report) => [(report as { id: string }).id, report] as const);
  environment.connection.getStats = () => Promise.resolve(new Map(entries));
  let isOver = false;
  const testing = testNetwork({ token: TOKEN }, environment).finally(() => {
    isOver = true;
  });
  await serve();
  const looks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 220));

  environment.advance(duration - 100);
  await looks();
  expect(isOver).toBe(false);
  environment.advance(100);
  await testing;
});

test('a firewall’s owner is told of every address, best first', () => {
  const answer = [
    'v=0',
    'a=candidate:1 1 tcp 1 203.0.113.4 443 typ host tcptype passive',
    'a=candidate:2 1 UDP 2 203.0.113.4 3479 typ host',
    'a=candidate:3 1 udp 2 2001:db8::4 3479 typ host',
    'a=candidate:4 1 tcp 2 203.0.113.4 9 typ host tcptype active',
    'a=candidate:5 1 udp 2 203.0.113.4 70000 typ host',
    'a=candidate:6 1 udp 2 <everything>,please! 1 typ host',
    '',
  ].join('\r\n');
  const relays = [
    'turns:a.example:443?transport=tcp',
    'turns:a.example',
    'turn:[2001:db8::4]:3478?transport=tcp',
    'turn:a.example?transport=udp',
    'stun:a.example',
    'turn:all that there is, and tell nobody:1',
    'turn:[any address]:1',
    `turn:${'a'.repeat(300)}`,
  ];

  const told = mediaAddresses([{ ...RELAY, urls: relays }], answer);

  expect(told.map(({ path, host, port }) => `${path} ${host} ${port}`)).toEqual([
    'udp 203.0.113.4 3479',
    'udp 2001:db8::4 3479',
    'tcp 203.0.113.4 443',
    'relay-udp a.example 3478',
    'relay-tcp [2001:db8::4] 3478',
    'relay-tls a.example 443',
    'relay-tls a.example 5349',
  ]);
  const many = 'a=candidate:1 1 udp 2 203.0.113.4 1 typ host\r\n'.repeat(100);
  expect(mediaAddresses([], many)).toHaveLength(16);
});

test('a test that nobody wants any more ends at once, wherever it is', async () => {
  const first = new AbortController();
  const early = testNetwork({ token: TOKEN, signal: first.signal }, environment);
  await settle();
  first.abort();
  await expect(early).rejects.toMatchObject({ code: 'left' });
  expect(environment.socket.closedWith).toBe(1000);

  const second = new AbortController();
  const late = testNetwork({ token: TOKEN, signal: second.signal }, environment);
  late.catch(() => undefined);
  await serve();
  second.abort();
  await expect(late).rejects.toMatchObject({ code: 'left' });
  expect(environment.connection.isClosed).toBe(true);
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
