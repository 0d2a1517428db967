import type { ClientMessage } from './protocol/ClientMessage';
import type { ServerMessage } from './protocol/ServerMessage';
import { SUBPROTOCOL, type SignalingSocket } from './connection';

/** A socket whose server is the test. */
export class FakeSocket extends EventTarget implements SignalingSocket {
  readonly sent: ClientMessage[] = [];
  isOpen = false;
  protocol = '';
  closedWith: number | undefined;

  send(data: string): void {
    if (!this.isOpen) throw new DOMException('not open', 'InvalidStateError');
    this.sent.push(JSON.parse(data) as ClientMessage);
  }

  close(code?: number): void {
    this.isOpen = false;
    this.closedWith = code ?? 1005;
  }

  /** The server accepts. */
  accept(protocol: string = SUBPROTOCOL): void {
    this.isOpen = true;
    this.protocol = protocol;
    this.dispatchEvent(new Event('open'));
  }

  /** The server says `message`. */
  say(message: ServerMessage): void {
    this.sayRaw(JSON.stringify(message));
  }

  /** The server sends a frame of any content. */
  sayRaw(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  /** The socket ends, by the server or the network. */
  drop(code = 1006): void {
    this.isOpen = false;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
}
