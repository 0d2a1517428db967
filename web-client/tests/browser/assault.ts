import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { randomBytes, randomInt } from 'node:crypto';

/** Strangers who send a server whatever they can think of, until told to stop. */
export class Assault {
  readonly #media: readonly Address[];
  readonly #http: Address;
  readonly #sockets = new Set<Socket>();
  #running = true;
  #datagrams = 0;
  readonly #ended: Promise<unknown>;

  /** Begins at once: datagrams to `media`, connections to `http`. */
  constructor(media: readonly Address[], http: Address, forgedToken: string) {
    this.#media = media;
    this.#http = http;
    this.#ended = Promise.all([
      this.#flood(),
      this.#leaveHalfOpen(),
      this.#talkNonsense(forgedToken),
    ]);
  }

  /** Ends it; resolves with the number of datagrams that were sent. */
  async stop(): Promise<number> {
    this.#running = false;
    for (const socket of this.#sockets) socket.destroy();
    await this.#ended;
    return this.#datagrams;
  }

  /** A mixture of noise and of what looks like each protocol of a media port. */
  async #flood(): Promise<void> {
    const socket = createSocket('udp4');
    socket.on('error', () => undefined);
    while (this.#running) {
      for (let burst = 0; burst < DATAGRAMS_A_BURST; burst += 1) {
        const target = this.#media[burst % this.#media.length];
        if (target === undefined) throw new Error('nowhere to send to');
        const datagram = randomBytes(randomInt(1, 1400));
        datagram[0] = FIRST_BYTES[burst % FIRST_BYTES.length] ?? 0;
        socket.send(datagram, target.port, target.host);
        this.#datagrams += 1;
      }
      await pause(5);
    }
    socket.close();
  }

  /** Connections that never say what they want. */
  async #leaveHalfOpen(): Promise<void> {
    for (let count = 0; count < HALF_OPEN && this.#running; count += 1) {
      this.#connect();
      if (count % 2 === 0) this.#connect().write('GET /v1/signal HTTP/1.1\r\nHost: ');
      await pause(5);
    }
  }

  /** Websockets that speak, but not the protocol. */
  async #talkNonsense(forgedToken: string): Promise<void> {
    const messages = [
      Buffer.from('{"type":"join"}'),
      Buffer.from(JSON.stringify({ type: 'join', token: forgedToken })),
      Buffer.from(JSON.stringify({ type: 'join', token: 'a.b.c' })),
      Buffer.from(JSON.stringify({ type: 'join', token: 'x'.repeat(200_000) })),
      Buffer.from('[[[[[[[['.repeat(10_000)),
      Buffer.from('\u0000{not JSON'),
      Buffer.alloc(10_000_000, 'a'),
    ];
    for (let round = 0; this.#running; round += 1) {
      const message = messages[round % messages.length] ?? Buffer.alloc(0);
      const socket = this.#connect();
      socket.write(handshake(this.#http));
      await pause(30);
      socket.write(textFrame(message));
      await pause(100);
      socket.destroy();
    }
  }

  #connect(): Socket {
    const socket = connect(this.#http.port, this.#http.host);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    return socket;
  }
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

function handshake({ host, port }: Address): string {
  const lines = [
    'GET /v1/signal HTTP/1.1',
    `Host: ${host}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: quietroom.v1',
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A whole masked text message (RFC 6455 §5.2), under a mask of zeros. */
function textFrame(payload: Buffer): Buffer {
  const header = Buffer.alloc(14);
  header[0] = 0x81;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** STUN, DTLS handshake and alert, RTP, TURN channels, and nothing at all. */
const FIRST_BYTES = [0x00, 0x16, 0x15, 0x80, 0x90, 0x40, 0xff];
const DATAGRAMS_A_BURST = 50;
const HALF_OPEN = 250;
