import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QuietroomError } from '../error';
import { SignalingConnection } from './connection';
import { FakeSocket } from './fake-socket';
import type { ServerMessage } from './protocol/ServerMessage';

let socket: FakeSocket;
let connection: SignalingConnection;
let closed: ReturnType<typeof vi.fn<(error: QuietroomError) => void>>;
let received: ServerMessage[];

beforeEach(() => {
  socket = new FakeSocket();
  connection = new SignalingConnection(() => socket);
  closed = vi.fn();
  received = [];
  connection.on('closed', closed);
  connection.on('message', (message) => received.push(message));
});

function closeCodes(): string[] {
  return closed.mock.calls.map(([error]) => error.code);
}

test('what is said before we are in is sent in order when we are', () => {
  connection.send({ type: 'join', token: 't' });
  connection.send({ type: 'media', microphone: true, camera: false });
  expect(socket.sent).toEqual([]);

  socket.accept();
  connection.send({ type: 'mls-resync' });
  expect(socket.sent.map(({ type }) => type)).toEqual(['join']);
  socket.say(JOINED);

  expect(socket.sent.map(({ type }) => type)).toEqual(['join', 'media', 'mls-resync']);
});

test('messages arrive typed', () => {
  socket.accept();

  socket.say({ type: 'participant-left', participantId: 'b2' });

  expect(received).toEqual([{ type: 'participant-left', participantId: 'b2' }]);
});

test('a socket that never opens is an unreachable server', () => {
  socket.drop();

  expect(closeCodes()).toEqual(['signaling-unreachable']);
});

test('a socket that ends later is a lost connection', () => {
  socket.accept();
  socket.drop();

  expect(closeCodes()).toEqual(['signaling-closed']);
});

test('a server that does not name the subprotocol gets no token', () => {
  connection.send({ type: 'join', token: 'secret' });

  socket.accept('');

  expect(socket.sent).toEqual([]);
  expect(closeCodes()).toEqual(['protocol-violation']);
});

test('a message that is not of the protocol ends the connection, once', () => {
  socket.accept();

  socket.sayRaw('garbage');
  socket.drop();

  expect(closeCodes()).toEqual(['protocol-violation']);
  expect(socket.closedWith).toBe(1000);
});

test('a message of a newer version is ignored', () => {
  socket.accept();

  socket.sayRaw('{"type":"weather"}');

  expect(received).toEqual([]);
  expect(closed).not.toHaveBeenCalled();
});

test('after closing nothing is sent, heard or reported', () => {
  socket.accept();
  connection.close();

  connection.send({ type: 'leave' });
  socket.say({ type: 'answer', sdp: '' });
  socket.drop();

  expect(socket.sent).toEqual([]);
  expect(received).toEqual([]);
  expect(closed).not.toHaveBeenCalled();
});

describe('a stay that may go on', () => {
  let sockets: FakeSocket[];
  let log: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    sockets = [];
    log = [];
    connection.close();
    connection = new SignalingConnection(() => {
      const opened = new FakeSocket();
      sockets.push(opened);
      return opened;
    });
    connection.on('closed', ({ code }) => log.push(`closed: ${code}`));
    connection.on('interrupted', () => log.push('interrupted'));
    connection.on('resumed', () => log.push('resumed'));
    connection.on('message', ({ type }) => log.push(type));
    connection.send({ type: 'join', token: 't' });
    newest().accept();
    newest().say(JOINED);
    log = [];
  });

  afterEach(() => {
    connection.close();
    vi.useRealTimers();
  });

  function newest(): FakeSocket {
    return sockets.at(-1)!;
  }

  function sentTypes(): string[] {
    return newest().sent.map(({ type }) => type);
  }

  test('goes on over another socket, with what the server lacks and nothing twice', () => {
    connection.send({ type: 'media', microphone: true, camera: false });
    connection.send({ type: 'mls-resync' });
    newest().say({ type: 'participant-left', participantId: 'b2' });
    newest().drop();
    connection.send({ type: 'leave' });

    newest().accept();
    expect(newest().sent).toEqual([
      { type: 'resume', participantId: 'me', secret: 'first', received: 2 },
    ]);
    newest().say({ type: 'resumed', received: 1, secret: 'second' });

    expect(sentTypes()).toEqual(['resume', 'mls-resync', 'leave', 'ack']);
    expect(log).toEqual(['participant-left', 'interrupted', 'resumed']);
    newest().drop();
    newest().accept();
    expect(newest().sent).toEqual([
      { type: 'resume', participantId: 'me', secret: 'second', received: 2 },
    ]);
  });

  test('says what came, soon and not each time', () => {
    for (let round = 0; round < 3; round += 1) {
      newest().say({ type: 'participant-left', participantId: 'b2' });
    }
    expect(sentTypes()).toEqual(['join']);

    vi.advanceTimersByTime(1000);

    expect(newest().sent.at(-1)).toEqual({ type: 'ack', received: 4 });
    for (let round = 0; round < 16; round += 1) newest().sayRaw('{"type":"weather"}');
    expect(newest().sent.at(-1)).toEqual({ type: 'ack', received: 20 });
    newest().say({ type: 'ack', received: 2 });
    vi.advanceTimersByTime(5000);
    expect(sentTypes()).toEqual(['join', 'ack', 'ack']);
  });

  test('tries again after longer and longer pauses, and gives up when the server has', () => {
    newest().drop();
    const startedAt = Date.now();
    const times: number[] = [];
    let count = sockets.length;
    while (!log.includes('closed: signaling-closed')) {
      newest().drop();
      vi.advanceTimersByTime(10);
      if (sockets.length > count) times.push(Date.now() - startedAt);
      count = sockets.length;
    }

    expect(times.length).toBeGreaterThan(8);
    expect(times.length).toBeLessThan(24);
    expect(times[0]).toBeLessThan(300);
    expect(times.at(-1)! - times.at(-2)!).toBeGreaterThan(1900);
    expect(Date.now() - startedAt).toBeGreaterThan(30_000);
    expect(Date.now() - startedAt).toBeLessThan(35_000);
  });

  test('does not wait on a socket that does not open', () => {
    newest().drop();
    vi.advanceTimersByTime(4900);
    expect(newest().closedWith).toBeUndefined();
    vi.advanceTimersByTime(500);

    expect(sockets).toHaveLength(3);
    expect(sockets[1]!.closedWith).toBe(4000);
    sockets[1]!.accept();
    expect(sockets[1]!.sent).toEqual([]);
  });

  test('is tried at once when the network changed', () => {
    newest().drop();
    for (let round = 0; round < 6; round += 1) {
      newest().drop();
      vi.advanceTimersByTime(4000);
    }
    newest().drop();
    const before = sockets.length;

    connection.reconnect();

    expect(sockets).toHaveLength(before + 1);
  });

  test('leaves a socket of which nothing is heard, and a device that slept at once', () => {
    newest().say({ type: 'ack', received: 0 });
    vi.advanceTimersByTime(14_000);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(2000);
    expect(sockets).toHaveLength(2);
    newest().accept();
    newest().say({ type: 'resumed', received: 0, secret: 'second' });

    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1000);

    expect(sockets).toHaveLength(3);
    expect(sockets[0]!.closedWith).toBe(4000);
  });

  test('is over when the server says so, or knows what it cannot', () => {
    newest().drop();
    newest().accept();
    newest().say({ type: 'error', code: 'resume-refused', message: 'over', fatal: true });

    expect(log).toEqual(['interrupted', 'closed: resume-refused']);
  });

  test.each([5, 2 ** 32 - 1])('is over when the server has %i of one message', (received) => {
    connection.send({ type: 'media', microphone: true, camera: false });
    newest().drop();
    newest().accept();
    newest().say({ type: 'resumed', received, secret: 'second' });

    expect(log).toEqual(['interrupted', 'closed: resume-refused']);
  });

  test('is not taken up again after a fatal error', () => {
    newest().say({ type: 'error', code: 'media-disconnected', message: '', fatal: true });
    newest().drop();

    expect(sockets).toHaveLength(1);
    expect(log).toEqual(['error', 'closed: signaling-closed']);
  });

  test('is not taken up again once closed', () => {
    newest().drop();
    connection.close();
    vi.advanceTimersByTime(60_000);

    expect(sockets).toHaveLength(2);
    expect(newest().closedWith).toBe(1000);
  });
});

const JOINED: ServerMessage = {
  type: 'joined',
  participantId: 'me',
  role: 'host',
  participants: [],
  slots: 2,
  screenSlots: 0,
  iceServers: [],
  permissions: [],
  locked: false,
  resume: { secret: 'first', seconds: 30 },
};
