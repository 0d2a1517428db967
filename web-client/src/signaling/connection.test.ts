import { beforeEach, expect, test, vi } from 'vitest';
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
  connection = new SignalingConnection(socket);
  closed = vi.fn();
  received = [];
  connection.on('closed', closed);
  connection.on('message', (message) => received.push(message));
});

function closeCodes(): string[] {
  return closed.mock.calls.map(([error]) => error.code);
}

test('what is said before the socket opens is sent in order when it does', () => {
  connection.send({ type: 'join', token: 't' });
  connection.send({ type: 'media', microphone: true, camera: false });
  expect(socket.sent).toEqual([]);

  socket.accept();

  expect(socket.sent.map(({ type }) => type)).toEqual(['join', 'media']);
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
