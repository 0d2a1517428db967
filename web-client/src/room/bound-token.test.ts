import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorker } from '../e2ee/fake-worker';
import type { ClientMessage } from '../signaling/protocol/ClientMessage';
import { FakeEnvironment, stubGlobals } from './fake-environment';
import { Room } from './room';

const MINUTE = 60_000;

let environment: FakeEnvironment;
let room: Room;

beforeEach(() => {
  stubGlobals();
  // A join that is tried again waits for some chance.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  environment = new FakeEnvironment();
  room = new Room({}, environment);
});

afterEach(() => {
  room.leave();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

interface Claims {
  readonly jti: string;
  readonly role?: string;
  readonly iat?: number;
  readonly exp?: number;
}

function sign(claims: Claims): string {
  const all = { sub: 'ben', room: 'one', role: 'client', cnf: { jkt: 'key' }, ...claims };
  return `head.${btoa(JSON.stringify(all))}.signature`;
}

/** A token of five minutes, by the clinic's clock, which is `ahead` ms. */
function brief(jti: string, ahead = 0): string {
  const iat = (Date.now() + ahead) / 1000;
  return sign({ jti, iat, exp: iat + 300 });
}

/** The backend's next answer. */
function give(token: string): void {
  environment.fetch.mockResolvedValueOnce(new Response(JSON.stringify({ token })));
}

function pass(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

/** By `joinBy`, as far as the door. */
async function arrive(): Promise<void> {
  room.joinBy('/token').catch(() => undefined);
  await vi.waitFor(() => {
    expect(environment.socketAddress).toBeDefined();
  }, PATIENCE);
  environment.socket.accept();
  environment.socket.say({ type: 'challenge', nonce: 'once' });
  await said();
  environment.socket.say({ type: 'waiting', reason: 'admission', doorKeys: [] });
}

/** Resolves with the `join` on the newest socket. */
async function said(): Promise<Extract<ClientMessage, { type: 'join' }>> {
  return vi.waitFor(() => {
    const [join] = environment.socket.sent;
    if (join?.type !== 'join') throw new Error('nothing was said');
    return join;
  }, PATIENCE);
}

/** Does what loses the stay, and asks to come in on the next socket. */
async function comeAgain(lose: () => void): Promise<void> {
  const former = environment.socket;
  lose();
  await vi.waitFor(() => {
    expect(environment.socket).not.toBe(former);
  }, PATIENCE);
  ask();
}

function ask(): void {
  environment.worker.report({ type: 'entrance', entrance: { keyPackage: 'another' } });
  environment.socket.accept();
  environment.socket.say({ type: 'challenge', nonce: 'again' });
}

function drop(): void {
  environment.socket.drop();
}

function refuseAsExpired(): void {
  environment.socket.say({ type: 'error', code: 'token-expired', message: '', fatal: true });
}

test('whose token has expired meanwhile comes back with another one for the same key', async () => {
  const first = brief('first');
  give(first);
  await arrive();
  pass(20 * MINUTE);
  const second = brief('second');
  give(second);

  await comeAgain(drop);

  const { participantId, ...join } = await said();
  expect(join).toMatchObject({ token: second, proof: { signature: 'of again' } });
  expect(participantId).toBeDefined();
  const proven = environment.worker.requests.filter(({ type }) => type === 'prove-join');
  expect(proven).toMatchObject([{ token: first }, { token: second, room: 'one' }]);
  const asked = environment.fetch.mock.calls.map(([url, request]) => [url, request?.body]);
  expect(asked).toHaveLength(2);
  expect(asked[1]).toEqual(asked[0]);
});

test('a token that came too late for one attempt is used by the next', async () => {
  give(brief('first'));
  await arrive();
  pass(20 * MINUTE);
  const second = brief('second');
  let answer: (response: Response) => void = () => undefined;
  environment.fetch.mockReturnValueOnce(
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  drop();
  await vi.waitFor(() => {
    expect(environment.fetch).toHaveBeenCalledTimes(2);
  }, PATIENCE);

  await comeAgain(() => {
    drop();
    answer(Response.json({ token: second }));
  });

  expect((await said()).token).toBe(second);
  expect(environment.fetch).toHaveBeenCalledTimes(2);
});

test('a token that is about to expire is not tried', async () => {
  give(brief('first'));
  await arrive();
  pass(5 * MINUTE - 2000);
  const second = brief('second');
  give(second);

  await comeAgain(drop);

  expect((await said()).token).toBe(second);
});

test('a token that is good is used again, however wrong this computer’s clock is', async () => {
  const behind = brief('first', -60 * MINUTE);
  give(behind);
  await arrive();
  pass(MINUTE);

  await comeAgain(drop);

  expect((await said()).token).toBe(behind);
  expect(environment.fetch).toHaveBeenCalledTimes(1);
});

test('what the server calls expired is replaced once, and not for ever', async () => {
  give(sign({ jti: 'first' }));
  await arrive();
  await comeAgain(drop);
  await said();
  const second = sign({ jti: 'second' });
  give(second);

  await comeAgain(refuseAsExpired);
  expect((await said()).token).toBe(second);
  refuseAsExpired();

  expect(room.state).toBe('disconnected');
  expect(room.error?.code).toBe('token-expired');
  expect(environment.fetch).toHaveBeenCalledTimes(2);
});

test.each([
  ['cannot be reached', () => Promise.reject(new TypeError('no network'))],
  ['is being restarted', () => Promise.resolve(new Response('', { status: 503 }))],
])('a backend that %s is asked again', async (_, answer) => {
  give(brief('first'));
  await arrive();
  pass(20 * MINUTE);
  environment.fetch.mockImplementationOnce(answer);
  const second = brief('second');
  give(second);

  drop();
  await vi.waitFor(() => {
    expect(environment.fetch).toHaveBeenCalledTimes(3);
  }, PATIENCE);
  ask();

  expect((await said()).token).toBe(second);
});

test.each([
  ['refuses', () => new Response('', { status: 403 })],
  ['takes one for another', () => Response.json({ token: sign({ jti: 'x', role: 'host' }) })],
])('a backend that %s ends the stay', async (_, answer) => {
  give(brief('first'));
  await arrive();
  pass(20 * MINUTE);
  environment.fetch.mockImplementationOnce(() => Promise.resolve(answer()));

  await comeAgain(drop);

  await vi.waitFor(() => {
    expect(room.state).toBe('disconnected');
  }, PATIENCE);
  expect(room.error?.code).toBe('token-unavailable');
  expect(environment.socket.sent).toEqual([]);
});

test('a key that was made ahead for nothing does not outlive the join', async () => {
  const workers: FakeWorker[] = [];
  vi.spyOn(environment, 'startWorker').mockImplementation(() => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker;
  });
  room.prepare();
  room.join('a token').catch(() => undefined);

  await vi.waitFor(() => {
    expect(workers.map(({ isTerminated }) => isTerminated)).toEqual([true, false]);
  }, PATIENCE);
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
