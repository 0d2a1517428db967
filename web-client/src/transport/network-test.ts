import { browserEnvironment, type Environment } from '../browser/environment';
import { createCredential } from '../e2ee/credential';
import { createIdentity, type Identity } from '../e2ee/identity';
import { requestToken } from '../e2ee/token-request';
import { QuietroomError, toQuietroomError } from '../error';
import type { Report } from './report';
import { signalingAddress } from '../signaling/address';
import { SUBPROTOCOL, type SignalingSocket } from '../signaling/connection';
import { parseServerMessage } from '../signaling/parse';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import type { IceServer } from '../signaling/protocol/IceServer';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import { peerConfiguration } from './configuration';
import { pathOf, selectedPair, type TransportPath } from './path';

/** Where to test, and as whom: by `token` or, where tokens come from the clinic's backend, by `tokenUrl`. */
export interface NetworkTestOptions {
  /** As in {@link RoomOptions}. */
  readonly url?: string | URL | undefined;
  /** As in {@link RoomOptions}. */
  readonly workerUrl?: string | URL | undefined;
  /** A token to join with, be it the session's time or not; it can be joined with all the same. */
  readonly token?: string | undefined;
  /** The key that the token is bound to, if it is. It is not used up. */
  readonly identity?: Identity | undefined;
  /** As in {@link Room.joinBy}: a key is made for the test alone, and a token asked for. */
  readonly tokenUrl?: string | URL | undefined;
  /** Ends the test, which rejects with `left`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a network lets through. `good`: media over UDP. `relayed`: over UDP by a
 * relay. `web-port`: only over TCP or TLS, as web pages are fetched; sound and
 * pictures may stutter when packets are lost. `blocked`: nothing.
 */
export type NetworkVerdict = 'good' | 'relayed' | 'web-port' | 'blocked';

/**
 * `works`: something came back from the media server, or from a relay where a
 * better way worked. `failed`: nothing did, in some seconds. `untested`: the
 * server does not offer it, or a better way worked first.
 */
export type PathResult = 'works' | 'failed' | 'untested';

/** Where the server takes media, by its own word. */
export interface MediaAddress {
  /** The way that leads there. */
  readonly path: TransportPath;
  /** A name or an IP address. */
  readonly host: string;
  /** Of UDP or TCP, as the way has it. */
  readonly port: number;
}

/** What {@link testNetwork} found. */
export interface NetworkTest {
  /** All in one word. */
  readonly verdict: NetworkVerdict;
  /** Each way to the server by itself. */
  readonly paths: Readonly<Record<TransportPath, PathResult>>;
  /** What a firewall has to let through for each way, best first. */
  readonly addresses: readonly MediaAddress[];
  /** To the server's media port and back by the way that a session would take, in ms. */
  readonly roundTripTime?: number;
  /** What the verdict means, as a sentence for a person, in English. */
  readonly message: string;
  /** What a person can do about it, as a sentence; empty where nothing has to be done. */
  readonly mend: string;
}

/**
 * Finds out before the join whether sound and pictures would get through, by
 * which ways, and how fast, in some three seconds, four where UDP is blocked and
 * eight where all is. It makes a connection for media that carries none, and needs neither
 * camera nor microphone.
 *
 * Rejects with a {@link QuietroomError}: `signaling-unreachable` if the server
 * cannot be reached at all or `url` is no address, or the server's code if it refuses the token,
 * `rate-limited` where many have tested from one address or with one token, or
 * `left` when `signal` has ended it.
 */
export async function testNetwork(
  options: NetworkTestOptions,
  environment: Environment = browserEnvironment(),
): Promise<NetworkTest> {
  const { signal } = options;
  const bearer = await bearerOf(options, environment);
  try {
    requireWanted(signal);
    const address = signalingAddress(environment.page, options.url);
    const line = new TestLine(environment.openSocket(address));
    return await run(line, bearer, environment, signal);
  } catch (reason) {
    // What is no error of ours by now came of an address that is none.
    throw toQuietroomError(reason, 'signaling-unreachable');
  } finally {
    if (bearer.isOwn) bearer.identity?.close();
  }
}

async function run(
  line: TestLine,
  bearer: Bearer,
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<NetworkTest> {
  const abandon = (): void => {
    line.fail(new QuietroomError('left'));
  };
  let connection: RTCPeerConnection | undefined;
  try {
    signal?.addEventListener('abort', abandon);
    const { nonce } = await line.receive('challenge');
    line.send(await greeting(bearer, nonce));
    const { iceServers } = await line.receive('network-test');
    connection = environment.createPeerConnection(peerConfiguration(iceServers));
    const answer = await negotiate(connection, line);
    return await observe(connection, mediaAddresses(iceServers, answer), environment, signal);
  } catch (reason) {
    // A relay's address or an answer that the browser does not take.
    throw toQuietroomError(reason, 'protocol-violation');
  } finally {
    signal?.removeEventListener('abort', abandon);
    connection?.close();
    line.close();
  }
}

function requireWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new QuietroomError('left');
}

interface Bearer {
  readonly token: string;
  readonly identity: Identity | undefined;
  /** Made for this test. */
  readonly isOwn: boolean;
}

async function bearerOf(options: NetworkTestOptions, environment: Environment): Promise<Bearer> {
  const { token, identity, tokenUrl } = options;
  if (token !== undefined) return { token, identity, isOwn: false };
  if (tokenUrl === undefined) throw new QuietroomError('invalid-state', 'no token is named');
  const own = await createIdentity(options, environment);
  try {
    const given = await requestToken(tokenUrl, own.thumbprint, environment.fetch);
    return { token: given, identity: own, isOwn: true };
  } catch (reason) {
    own.close();
    throw reason;
  }
}

async function greeting({ token, identity }: Bearer, nonce: string): Promise<ClientMessage> {
  if (identity === undefined) return { type: 'test-network', token };
  const { room } = createCredential(token).credential;
  const proof = await identity.prove('network-test', nonce, room, token);
  return { type: 'test-network', token, proof };
}

async function negotiate(connection: RTCPeerConnection, line: TestLine): Promise<string> {
  const { mid } = await describe(connection);
  const sdp = connection.localDescription?.sdp ?? '';
  const publications = [{ mid: mid ?? '', source: 'microphone' as const }];
  line.send({ type: 'offer', sdp, publications, slots: [], screenSlots: [] });
  const answer = await line.receive('answer');
  // Chromium looks for its own end of a TCP connection last, and not any more
  // once it has reached the server by a relay.
  await new Promise((resolve) => setTimeout(resolve, GATHERING));
  await connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
  return answer.sdp;
}

async function describe(connection: RTCPeerConnection): Promise<RTCRtpTransceiver> {
  const microphone = connection.addTransceiver('audio', { direction: 'sendonly' });
  await connection.setLocalDescription();
  return microphone;
}

/**
 * Where the server takes media, best first: by candidates (RFC 8839 §5.1) and
 * by relays' addresses (RFC 7065 §3.1).
 */
export function mediaAddresses(
  iceServers: readonly IceServer[],
  answer: string,
): readonly MediaAddress[] {
  const straight = [...answer.matchAll(CANDIDATE)].flatMap(([, transport, host, port, rest]) => {
    if (transport?.toLowerCase() === 'udp') return mediaAddress('udp', host, port);
    return rest?.includes(' tcptype passive') === true ? mediaAddress('tcp', host, port) : [];
  });
  const relays = iceServers.flatMap(({ urls }) =>
    urls.flatMap((url) => {
      const [, scheme, host, port, transport] = RELAY.exec(url) ?? [];
      if (scheme === 'turns') return mediaAddress('relay-tls', host, port ?? '5349');
      const path = transport === 'tcp' ? 'relay-tcp' : 'relay-udp';
      return scheme === 'turn' ? mediaAddress(path, host, port ?? '3478') : [];
    }),
  );
  const rank = ({ path }: MediaAddress): number => BEST_FIRST.indexOf(path);
  return [...straight, ...relays]
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, MOST_ADDRESSES);
}

function mediaAddress(
  path: TransportPath,
  host: string | undefined,
  port: string | undefined,
): MediaAddress[] {
  const number = Number(port);
  const isSound = host !== undefined && host.length <= LONGEST_NAME && number <= 65_535;
  return isSound ? [{ path, host, port: number }] : [];
}

/** Looks until enough is known, or time is up. */
async function observe(
  connection: RTCPeerConnection,
  addresses: readonly MediaAddress[],
  environment: Environment,
  signal: AbortSignal | undefined,
): Promise<NetworkTest> {
  const paths = new Set<TransportPath>(['udp', ...addresses.map(({ path }) => path)]);
  const start = environment.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    requireWanted(signal);
    const reports = (await connection.getStats()) as ReadonlyMap<string, Report>;
    const found = foundPaths(reports);
    const working = workingPaths(found);
    const elapsed = environment.now() - start;
    const isAllKnown = [...paths].every((path) => working.has(path) || path === 'tcp');
    const patience = working.has('udp') ? ENOUGH : working.size > 0 ? LONG : LONGEST;
    if ((isAllKnown && elapsed > SHORTEST) || elapsed > patience) {
      return { ...judge(paths, found, roundTrip(reports)), addresses };
    }
  }
}

/** What a browser's reports say of the ways that it tried. */
export interface FoundPaths {
  /** To the media server and back. */
  readonly answered: ReadonlySet<TransportPath>;
  /** To a relay, which gave an address; whether that reaches the media server is not said. */
  readonly addressed: ReadonlySet<TransportPath>;
}

/** Reads the browser's reports. */
export function foundPaths(reports: ReadonlyMap<string, Report>): FoundPaths {
  const answered = new Set<TransportPath>();
  const addressed = new Set<TransportPath>();
  for (const report of reports.values()) {
    const isAnswered = report['state'] === 'succeeded' || Number(report['responsesReceived']) > 0;
    if (report['type'] === 'candidate-pair' && isAnswered) {
      const path = pathOf(reports.get(String(report['localCandidateId'])));
      if (path !== undefined) answered.add(path);
    }
    if (report['type'] === 'local-candidate' && report['candidateType'] === 'relay') {
      const path = pathOf(report);
      if (path !== undefined) addressed.add(path);
    }
  }
  return { answered, addressed };
}

/**
 * Those that were answered, and relays that gave an address and come after one
 * of them: browsers may ask nothing by these any more.
 */
function workingPaths({ answered, addressed }: FoundPaths): ReadonlySet<TransportPath> {
  const best = BEST_FIRST.findIndex((path) => answered.has(path));
  const spared = BEST_FIRST.filter(
    (path, rank) => best !== -1 && rank > best && addressed.has(path),
  );
  return new Set([...answered, ...spared]);
}

/** What it means that some of the ways that are offered work. */
export function judge(
  paths: ReadonlySet<TransportPath>,
  found: FoundPaths,
  roundTripTime: number | undefined,
): Omit<NetworkTest, 'addresses'> {
  const working = workingPaths(found);
  const result = (path: TransportPath): PathResult => {
    if (working.has(path)) return 'works';
    if (!paths.has(path)) return 'untested';
    // Browsers stop looking for slower ways when a fast one works.
    return path !== 'udp' && working.has('udp') ? 'untested' : 'failed';
  };
  const verdict = verdictOf(found.answered);
  const [message, mend] = SENTENCES[verdict];
  return {
    verdict,
    paths: {
      udp: result('udp'),
      tcp: result('tcp'),
      'relay-udp': result('relay-udp'),
      'relay-tcp': result('relay-tcp'),
      'relay-tls': result('relay-tls'),
    },
    ...(roundTripTime !== undefined && { roundTripTime }),
    message,
    mend,
  };
}

function verdictOf(answered: ReadonlySet<TransportPath>): NetworkVerdict {
  if (answered.has('udp')) return 'good';
  if (answered.has('relay-udp')) return 'relayed';
  return answered.size > 0 ? 'web-port' : 'blocked';
}

function roundTrip(reports: ReadonlyMap<string, Report>): number | undefined {
  const seconds = selectedPair(reports)?.['currentRoundTripTime'];
  return typeof seconds === 'number' ? seconds * 1000 : undefined;
}

/** The one socket of a test: what it waits for comes, or it fails. */
class TestLine {
  readonly #socket: SignalingSocket;
  readonly #came: ServerMessage[] = [];
  #failure: QuietroomError | undefined;
  #look: () => void = () => undefined;

  constructor(socket: SignalingSocket) {
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (socket.protocol !== SUBPROTOCOL) this.fail(new QuietroomError('protocol-violation'));
    });
    socket.addEventListener('message', ({ data }) => {
      this.#take(data);
    });
    socket.addEventListener('close', () => {
      this.fail(new QuietroomError('signaling-unreachable'));
    });
  }

  send(message: ClientMessage): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** The next message, which is to be of this type. */
  receive<Type extends ServerMessage['type']>(
    type: Type,
  ): Promise<Extract<ServerMessage, { type: Type }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.fail(new QuietroomError('signaling-unreachable', `no ${type} in time`));
      }, ANSWER);
      this.#look = () => {
        const message = this.#came.shift();
        if (message === undefined && this.#failure === undefined) return;
        clearTimeout(timer);
        this.#look = () => undefined;
        if (message?.type === type) {
          resolve(message as Extract<ServerMessage, { type: Type }>);
        } else if (message?.type === 'error') {
          reject(new QuietroomError(message.code, message.message));
        } else {
          reject(this.#failure ?? new QuietroomError('protocol-violation', message?.type));
        }
      };
      this.#look();
    });
  }

  /** What is waited for will not come, nor anything after. */
  fail(error: QuietroomError): void {
    this.#failure ??= error;
    this.#look();
  }

  close(): void {
    this.#socket.close(NORMAL_CLOSURE);
  }

  #take(data: unknown): void {
    try {
      const message = parseServerMessage(data);
      // Another one is of a newer server.
      if (message !== undefined) this.#came.push(message);
    } catch (reason) {
      this.#failure ??= new QuietroomError('protocol-violation', reason);
    }
    this.#look();
  }
}

const SENTENCES: Record<NetworkVerdict, readonly [message: string, mend: string]> = {
  good: ['Your network lets sound and pictures through.', ''],
  relayed: ['Your network lets sound and pictures through by way of a relay.', ''],
  'web-port': [
    'Your network lets sound and pictures through its web port only.',
    'The session works; if it stutters, another network may help.',
  ],
  blocked: [
    'Your network lets no sound and no pictures through.',
    'Use another network, such as your phone’s, or ask whoever looks after this one.',
  ],
};

/** As browsers prefer them. */
const BEST_FIRST: readonly TransportPath[] = ['udp', 'tcp', 'relay-udp', 'relay-tcp', 'relay-tls'];

const CANDIDATE = /^a=candidate:\S+ \d+ (udp|tcp) \d+ ([\w.:-]+) (\d{1,5}) typ host(.*)$/gim;
const RELAY = /^(turns?):(\[[\da-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/;

/** For a person to read. */
const MOST_ADDRESSES = 16;
/** RFC 1035 §2.3.4. */
const LONGEST_NAME = 255;

/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;

// In ms.

/** For each answer of the server's. */
const ANSWER = 5000;
/** For all kinds of candidates, of which Chromium begins with one after the other. */
const GATHERING = 250;
const LOOK = 100;
/** For a round trip to be measured that nothing else delays. */
const SHORTEST = 1000;
/** For relays, when the best way works. */
const ENOUGH = 2500;
/** For UDP, when something else works. */
const LONG = 4000;
const LONGEST = 8000;
