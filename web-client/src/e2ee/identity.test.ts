import { beforeEach, expect, test, vi } from 'vitest';
import { FakeEnvironment, stubGlobals } from '../room/fake-environment';
import { Room } from '../room/room';
import { createIdentity, thumbprint } from './identity';
import { requestToken } from './token-request';

let environment: FakeEnvironment;

beforeEach(() => {
  stubGlobals();
  environment = new FakeEnvironment();
});

function answer(body: unknown, status = 200): void {
  environment.fetch.mockResolvedValue(new Response(JSON.stringify(body), { status }));
}

test('a thumbprint is that of RFC 8037', async () => {
  // Appendix A.3.
  const key = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
  expect(await thumbprint(key)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

test('an identity is good for one stay', async () => {
  const identity = await createIdentity({}, environment);
  const first = new Room({}, environment);
  first.join('token', { identity }).catch(() => undefined);
  expect(first.state).toBe('connecting');

  const second = new Room({}, environment);
  await expect(second.join('token', { identity })).rejects.toMatchObject({ code: 'invalid-state' });
  first.leave();
});

test('a worker that makes no key is given up', async () => {
  vi.spyOn(environment.worker, 'postMessage').mockImplementation(() => {
    environment.worker.crash('not found');
  });

  await expect(createIdentity({}, environment)).rejects.toMatchObject({
    code: 'encryption-failed',
  });
  expect(environment.worker.isTerminated).toBe(true);
});

test('the backend is asked for a token, and it is joined with that and a proof', async () => {
  answer({ token: 'a.token.c' });
  const room = new Room({}, environment);
  room.joinBy('/token', { name: 'Ben' }).catch(() => undefined);
  await vi.waitFor(() => {
    expect(environment.socketAddress).toBeDefined();
  }, PATIENCE);

  const [url, request] = environment.fetch.mock.calls[0]!;
  expect(url).toBe('/token');
  expect(request?.method).toBe('POST');
  expect(JSON.parse(request?.body as string)).toEqual({ thumbprint: await thumbprint('public') });
  const { socket } = environment;
  socket.accept();
  expect(socket.sent).toEqual([]);
  socket.say({ type: 'challenge', nonce: 'once' });
  await vi.waitFor(() => {
    expect(socket.sent).toHaveLength(1);
  }, PATIENCE);
  expect(socket.sent[0]).toMatchObject({
    type: 'join',
    token: 'a.token.c',
    keyPackageFollows: true,
    proof: { signature: 'of once' },
  });
  room.leave();
});

test('what was prepared is what it is joined with', async () => {
  answer({ token: 'a.token.c' });
  const startWorker = vi.spyOn(environment, 'startWorker');
  const room = new Room({}, environment);
  room.prepare();
  room.prepare();
  await vi.waitFor(() => {
    expect(environment.worker.requests).toHaveLength(1);
  }, PATIENCE);

  room.joinBy('/token').catch(() => undefined);
  await vi.waitFor(() => {
    expect(environment.socketAddress).toBeDefined();
  }, PATIENCE);

  expect(startWorker).toHaveBeenCalledTimes(1);
  expect(environment.worker.isTerminated).toBe(false);
  room.leave();
  expect(environment.worker.isTerminated).toBe(true);
});

test('what was prepared is thrown away with the room', async () => {
  const room = new Room({}, environment);
  room.prepare();
  room.leave();

  await vi.waitFor(() => {
    expect(environment.worker.isTerminated).toBe(true);
  }, PATIENCE);
});

test('what could not be prepared is tried again by the join', async () => {
  answer({ token: 'a.token.c' });
  const room = new Room({}, environment);
  const startWorker = vi.spyOn(environment, 'startWorker').mockImplementationOnce(() => {
    throw new Error('no memory');
  });
  room.prepare();

  room.joinBy('/token').catch(() => undefined);
  await vi.waitFor(() => {
    expect(environment.socketAddress).toBeDefined();
  }, PATIENCE);

  expect(startWorker).toHaveBeenCalledTimes(2);
  room.leave();
});

test('who joins again signs what the new socket asks for', async () => {
  const identity = await createIdentity({}, environment);
  const room = new Room({}, environment);
  room.join('a.token.c', { identity }).catch(() => undefined);
  const first = environment.socket;
  first.accept();
  first.say({ type: 'challenge', nonce: 'once' });
  await vi.waitFor(() => {
    expect(first.sent).toHaveLength(1);
  }, PATIENCE);
  first.say({ type: 'waiting', reason: 'admission', doorKeys: [] });

  first.drop();
  await vi.waitFor(() => {
    expect(environment.socket).not.toBe(first);
  }, PATIENCE);
  environment.worker.report({ type: 'entrance', entrance: { keyPackage: 'another' } });
  environment.socket.accept();
  environment.socket.say({ type: 'challenge', nonce: 'twice' });

  await vi.waitFor(() => {
    expect(environment.socket.sent[0]).toMatchObject({
      type: 'join',
      participantId: (first.sent[0] as { participantId: string }).participantId,
      keyPackage: 'another',
      proof: { signature: 'of twice' },
    });
  }, PATIENCE);
  room.leave();
});

test('who leaves before the token has come joins nothing', async () => {
  let give: (response: Response) => void = () => undefined;
  environment.fetch.mockReturnValue(
    new Promise((resolve) => {
      give = resolve;
    }),
  );
  const room = new Room({}, environment);
  const joining = room.joinBy('/token');
  await vi.waitFor(() => {
    expect(environment.fetch).toHaveBeenCalled();
  }, PATIENCE);

  room.leave();
  give(new Response('{"token": "t"}'));

  await expect(joining).rejects.toMatchObject({ code: 'left' });
  await vi.waitFor(() => {
    expect(environment.worker.isTerminated).toBe(true);
  }, PATIENCE);
  expect(environment.socketAddress).toBeUndefined();
});

test.each([
  ['refuses', { token: 't' }, 403],
  ['gives none', {}, 200],
  ['gives something else', { token: 7 }, 200],
  ['gives nothing', null, 200],
])('a backend that %s is said to', async (_, body, status) => {
  answer(body, status);

  await expect(requestToken('/token', 'x', environment.fetch)).rejects.toMatchObject({
    code: 'token-unavailable',
  });
});

/** How long a busy machine may take for what needs no time. */
const PATIENCE = { timeout: 10_000 };
