import type { Page, WebSocketRoute } from 'playwright-core';

import type { ServerMessage } from '../../src/signaling/protocol/ServerMessage';

/** What is done with a message of the server's: passed on now, later, changed, or not at all. */
export type Meddling = (message: ServerMessage, pass: (message: ServerMessage) => void) => void;

/** Stands between a page and its server's websocket, as the server itself does. */
export class Middleman {
  /** What the server said, oldest first. */
  readonly told: ServerMessage[] = [];
  /** What the page heard in its place. */
  readonly passed: ServerMessage[] = [];
  #meddling: Meddling = honest;
  #socket: WebSocketRoute | undefined;

  /** Takes over the sockets that the page opens from now on. */
  static async before(page: Page): Promise<Middleman> {
    const middleman = new Middleman();
    await page.routeWebSocket(/\/v1\/signal$/, (socket) => {
      middleman.#socket = socket;
      socket.connectToServer().onMessage((text) => {
        const message = JSON.parse(text.toString()) as ServerMessage;
        middleman.told.push(message);
        middleman.#meddling(message, (passed) => {
          middleman.passed.push(passed);
          socket.send(JSON.stringify(passed));
        });
      });
    });
    return middleman;
  }

  meddle(meddling: Meddling): void {
    this.#meddling = meddling;
  }

  beHonest(): void {
    this.#meddling = honest;
  }

  /** Says something in the server's name. */
  tell(message: ServerMessage): void {
    this.#socket?.send(JSON.stringify(message));
  }
}

/** Whether a message is about the group that encrypts the session. */
export function isOfGroup({ type }: ServerMessage): boolean {
  return type.startsWith('mls-');
}

/** Delivers what is about the group twice, and each two messages in the wrong order. */
export function confuse(): Meddling {
  let held: { readonly message: ServerMessage; readonly release: () => void } | undefined;
  return (message, pass) => {
    if (!isOfGroup(message)) {
      pass(message);
    } else if (held === undefined) {
      const release = (): void => {
        held = undefined;
        clearTimeout(timer);
        pass(message);
        pass(message);
      };
      // The last one of all has no successor.
      const timer = setTimeout(release, LONGEST_HOLD);
      held = { message, release };
    } else {
      pass(message);
      held.release();
      pass(message);
    }
  };
}

const honest: Meddling = (message, pass) => {
  pass(message);
};

/** In ms. */
const LONGEST_HOLD = 1_000;
