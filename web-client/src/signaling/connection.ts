import { Timers } from '../browser/timers';
import { QuietroomError } from '../error';
import { Emitter } from '../events';
import { BackOff } from './back-off';
import { parseServerMessage } from './parse';
import type { ClientMessage } from './protocol/ClientMessage';
import type { ErrorCode } from './protocol/ErrorCode';
import type { ServerMessage } from './protocol/ServerMessage';
import { Unacknowledged } from './unacknowledged';

/** The websocket subprotocol both sides must name. */
export const SUBPROTOCOL = 'quietroom.v1';

/** The part of `WebSocket` that is used. */
export type SignalingSocket = Pick<WebSocket, 'protocol' | 'send' | 'close' | 'addEventListener'>;

interface SignalingEvents {
  /** The first socket is open; the nonce is what a proof in `join` must sign. */
  challenge: [nonce: string];
  message: [message: ServerMessage];
  /** The socket is gone. What is said is kept, and the stay may go on. */
  interrupted: [];
  /** The stay goes on; nothing was lost. */
  resumed: [];
  /**
   * The last event, at most once, and never after {@link SignalingConnection.close}:
   * `signaling-unreachable`, `signaling-closed`, `resume-refused` or `protocol-violation`.
   */
  closed: [error: QuietroomError];
}

/**
 * The connection to the server for one stay: typed messages in and out, over
 * one websocket after the other.
 */
export class SignalingConnection extends Emitter<SignalingEvents> {
  readonly #open: () => SignalingSocket;
  readonly #timers: Timers;
  readonly #said = new Unacknowledged();
  readonly #backOff = new BackOff();
  #socket: SignalingSocket;
  #phase: Phase = 'opening';
  #greeting: string | undefined;
  #stay: { readonly participantId: string; secret: string; readonly window: number } | undefined;
  #received = 0;
  #acknowledged = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #stopRetryTimer: () => void = () => undefined;
  #stopWatchTimer: () => void = () => undefined;
  #lastHeard = Date.now();
  #interruptedAt: number | undefined;
  #attemptedAt = 0;

  constructor(open: () => SignalingSocket, timers = new Timers()) {
    super();
    this.#open = open;
    this.#timers = timers;
    this.#socket = this.#listen(open());
  }

  /** Whether what is said goes out at once. */
  get isLive(): boolean {
    return this.#phase === 'live';
  }

  /** Whether the stay may yet go on, on another socket. */
  get isInterrupted(): boolean {
    return this.#phase === 'waiting' || this.#phase === 'resuming';
  }

  /**
   * Sends `message`: `join`, which must come first, when the socket is open,
   * all others in order when it is answered, on another socket if need be; nothing
   * after the end. Returns the number for {@link SignalingConnection.hasArrived},
   * which `join` has not, nor what is not sent.
   */
  send(message: ClientMessage): number | undefined {
    if (this.#phase === 'closed') return undefined;
    const text = JSON.stringify(message);
    if (message.type === 'join') {
      this.#greeting = text;
      if (this.#phase === 'open') this.#greet();
      return undefined;
    }
    const number = this.#said.push(text);
    if (this.#phase === 'live') this.#socket.send(text);
    return number;
  }

  /** Whether the server has said that it has this message; it does so once in a while. */
  hasArrived(number: number): boolean {
    return this.#said.hasArrived(number);
  }

  /**
   * The network may be another one, or the device has slept: does not wait
   * for the present socket to be found dead, nor for the next attempt's time.
   */
  reconnect(): void {
    if (this.#phase === 'live' && this.#stay !== undefined) {
      this.#abandon();
      this.#interrupt();
    } else if (
      this.#phase === 'waiting' ||
      (this.#phase === 'resuming' && Date.now() - this.#attemptedAt > HOPEFUL)
    ) {
      this.#abandon();
      this.#backOff.reset();
      this.#attempt();
    }
  }

  /** Ends the stay's connection, after what was sent. Idempotent. */
  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    clearTimeout(this.#ackTimer);
    this.#stopRetryTimer();
    this.#stopWatchTimer();
    this.#socket.close(NORMAL_CLOSURE);
  }

  #listen(socket: SignalingSocket): SignalingSocket {
    // A socket that was given up may still have something to say.
    const ifPresent =
      <Event>(handle: (event: Event) => void) =>
      (event: Event): void => {
        if (socket === this.#socket && this.#phase !== 'closed') handle(event);
      };
    socket.addEventListener('open', ifPresent(this.#handleOpen));
    socket.addEventListener('message', ifPresent(this.#handleMessage));
    socket.addEventListener('close', ifPresent(this.#handleClose));
    return socket;
  }

  readonly #handleOpen = (): void => {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#fail(new QuietroomError('protocol-violation', 'the server chose no subprotocol'));
    } else if (this.#phase === 'opening') {
      this.#phase = 'open';
      if (this.#greeting !== undefined) this.#greet();
    } else if (this.#stay !== undefined) {
      const { participantId, secret } = this.#stay;
      const resume: ClientMessage = {
        type: 'resume',
        participantId,
        secret,
        received: this.#received,
      };
      this.#socket.send(JSON.stringify(resume));
    }
  };

  readonly #handleMessage = (event: MessageEvent): void => {
    let message: ServerMessage | undefined;
    try {
      message = parseServerMessage(event.data);
    } catch (reason) {
      this.#fail(new QuietroomError('protocol-violation', reason));
      return;
    }
    this.#lastHeard = Date.now();
    if (message?.type === 'challenge') {
      // Of the socket and not of the stay: it does not count.
      if (this.#stay === undefined) this.emit('challenge', message.nonce);
    } else if (this.#phase === 'resuming') {
      this.#handleAnswer(message);
    } else if (message?.type === 'ack') {
      if (!this.#said.acknowledge(message.received)) this.#violate('ack of what was not said');
      this.#watch();
    } else {
      this.#handleNumbered(message);
    }
  };

  /** What a newer server says is no message to us, but it counts. */
  #handleNumbered(message: ServerMessage | undefined): void {
    this.#received += 1;
    this.#acknowledgeSoon();
    if (message === undefined) return;
    if (message.type === 'joined' && message.resume !== undefined) {
      const { secret, seconds } = message.resume;
      this.#stay = { participantId: message.participantId, secret, window: seconds * 1000 };
    }
    if (ADMISSION.has(message.type) && this.#phase === 'joining') {
      this.#phase = 'live';
      for (const text of this.#said.rewind(0) ?? []) this.#socket.send(text);
    }
    // The stay is over; there is nothing to come back to.
    if (message.type === 'error' && message.fatal) this.#stay = undefined;
    this.emit('message', message);
  }

  #handleAnswer(message: ServerMessage | undefined): void {
    if (message?.type === 'error') {
      if (TRANSIENT.has(message.code)) this.#retry();
      else this.#fail(new QuietroomError('resume-refused', message.message));
    } else if (message?.type === 'resumed' && this.#stay !== undefined) {
      const missing = this.#said.rewind(message.received);
      if (missing === undefined) {
        this.#fail(new QuietroomError('resume-refused', 'the server lacks too much'));
        return;
      }
      this.#stay.secret = message.secret;
      this.#phase = 'live';
      this.#interruptedAt = undefined;
      this.#backOff.reset();
      this.#stopRetryTimer();
      for (const text of missing) this.#socket.send(text);
      // Shows that we have the new secret, whatever comes next.
      this.#acknowledge();
      this.#watch();
      this.emit('resumed');
    }
  }

  readonly #handleClose = (event: CloseEvent): void => {
    switch (this.#phase) {
      case 'opening':
        this.#fail(new QuietroomError('signaling-unreachable', `close code ${event.code}`));
        break;
      case 'resuming':
        this.#retry();
        break;
      case 'open':
      case 'joining':
      case 'live':
        if (this.#stay === undefined) {
          this.#fail(new QuietroomError('signaling-closed', `close code ${event.code}`));
        } else {
          this.#interrupt();
        }
        break;
      case 'waiting':
      case 'closed':
        break;
    }
  };

  #greet(): void {
    if (this.#greeting === undefined) return;
    // The server keeps a place for whoever goes on after `join`. If the answer
    // were lost then, nobody could take that place for a while, not even we.
    this.#phase = 'joining';
    this.#socket.send(this.#greeting);
  }

  #interrupt(): void {
    clearTimeout(this.#ackTimer);
    this.#stopWatchTimer();
    this.#ackTimer = undefined;
    this.#phase = 'waiting';
    this.#interruptedAt = Date.now();
    this.#backOff.reset();
    this.emit('interrupted');
    if (this.isInterrupted) this.#attempt();
  }

  #attempt(): void {
    this.#stopRetryTimer();
    this.#phase = 'resuming';
    this.#attemptedAt = Date.now();
    this.#socket = this.#listen(this.#open());
    this.#stopRetryTimer = this.#timers.after(ATTEMPT_TIMEOUT, () => {
      this.#retry();
    });
  }

  #retry(): void {
    this.#abandon();
    this.#stopRetryTimer();
    const { window = 0 } = this.#stay ?? {};
    if (Date.now() - (this.#interruptedAt ?? 0) > window) {
      this.#fail(new QuietroomError('signaling-closed', 'it did not come back in time'));
      return;
    }
    this.#phase = 'waiting';
    this.#stopRetryTimer = this.#timers.after(this.#backOff.next(), () => {
      this.#attempt();
    });
  }

  /** Lets the present socket go such that the stay goes on. */
  #abandon(): void {
    const socket = this.#socket;
    this.#phase = 'waiting';
    socket.close(GOING_ON);
  }

  #acknowledgeSoon(): void {
    if (this.#received - this.#acknowledged >= ACK_COUNT) this.#acknowledge();
    else
      this.#ackTimer ??= setTimeout(() => {
        this.#acknowledge();
      }, ACK_DELAY);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#phase !== 'live' || this.#stay === undefined) return;
    this.#acknowledged = this.#received;
    this.send({ type: 'ack', received: this.#received });
  }

  /** A server that gives signs of life is missed when it gives none, be it that we slept. */
  #watch(): void {
    this.#stopWatchTimer();
    if (this.#stay === undefined) return;
    this.#stopWatchTimer = this.#timers.after(WATCH_INTERVAL, () => {
      if (Date.now() - this.#lastHeard >= SILENCE_LIMIT) this.reconnect();
      else this.#watch();
    });
  }

  #violate(detail: string): void {
    this.#fail(new QuietroomError('protocol-violation', detail));
  }

  #fail(error: QuietroomError): void {
    if (this.#phase === 'closed') return;
    this.close();
    this.emit('closed', error);
  }
}

/**
 * `opening`: the first socket; `open`: it is, and `join` is to be said;
 * `joining`: it was, and is not answered yet; `live`: messages flow; `resuming`: another socket; `waiting`: for the next one.
 */
type Phase = 'opening' | 'open' | 'joining' | 'live' | 'resuming' | 'waiting' | 'closed';

/** Refusals that another attempt may not meet. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['rate-limited', 'server-full', 'internal']);

/** Answers to `join`: we are in, or at the door, where there may be something to say. */
const ADMISSION: ReadonlySet<ServerMessage['type']> = new Set([
  'joined',
  'consent-required',
  'waiting',
]);

/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;

/** Of the range for private use: the server keeps the stay. */
const GOING_ON = 4000;

/** Messages that may come before we say that they did. */
const ACK_COUNT = 16;

// In ms.

/** After a message, until we say that it came. */
const ACK_DELAY = 1000;

/** For a socket to open and the server to answer. */
const ATTEMPT_TIMEOUT = 5000;

const WATCH_INTERVAL = 1000;

/** Before an attempt is given up for another, as the network changed. */
const HOPEFUL = 500;

/** Three signs of life did not come. */
const SILENCE_LIMIT = 15_000;
