import { QuietroomError } from '../error';
import { Emitter } from '../events';
import { parseServerMessage } from './parse';
import type { ClientMessage } from './protocol/ClientMessage';
import type { ServerMessage } from './protocol/ServerMessage';

/** The websocket subprotocol both sides must name. */
export const SUBPROTOCOL = 'quietroom.v1';

/** The part of `WebSocket` that is used. */
export type SignalingSocket = Pick<WebSocket, 'protocol' | 'send' | 'close' | 'addEventListener'>;

interface SignalingEvents {
  message: [message: ServerMessage];
  /**
   * The last event, at most once, and never after {@link SignalingConnection.close}:
   * `signaling-unreachable`, `signaling-closed` or `protocol-violation`.
   */
  closed: [error: QuietroomError];
}

/** The websocket to the server: typed messages in and out. */
export class SignalingConnection extends Emitter<SignalingEvents> {
  readonly #socket: SignalingSocket;
  readonly #unsent: string[] = [];
  #opened = false;
  #closed = false;

  constructor(socket: SignalingSocket) {
    super();
    this.#socket = socket;
    socket.addEventListener('open', this.#handleOpen);
    socket.addEventListener('message', this.#handleMessage);
    socket.addEventListener('close', this.#handleClose);
  }

  /** Sends `message`, once the socket is open; nothing after the end. */
  send(message: ClientMessage): void {
    if (this.#closed) return;
    const text = JSON.stringify(message);
    if (this.#opened) this.#socket.send(text);
    else this.#unsent.push(text);
  }

  /** Closes the socket after what was sent. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close(NORMAL_CLOSURE);
  }

  readonly #handleOpen = (): void => {
    if (this.#closed) return;
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#fail(new QuietroomError('protocol-violation', 'the server chose no subprotocol'));
      return;
    }
    this.#opened = true;
    for (const text of this.#unsent.splice(0)) this.#socket.send(text);
  };

  readonly #handleMessage = (event: MessageEvent): void => {
    if (this.#closed) return;
    let message: ServerMessage | undefined;
    try {
      message = parseServerMessage(event.data);
    } catch (reason) {
      this.#fail(new QuietroomError('protocol-violation', reason));
      return;
    }
    if (message !== undefined) this.emit('message', message);
  };

  readonly #handleClose = (event: CloseEvent): void => {
    const code = this.#opened ? 'signaling-closed' : 'signaling-unreachable';
    this.#fail(new QuietroomError(code, `close code ${event.code}`));
  };

  #fail(error: QuietroomError): void {
    if (this.#closed) return;
    this.close();
    this.emit('closed', error);
  }
}

/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;
