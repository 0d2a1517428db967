import { createServer, type Server as TcpServer, type Socket, connect } from 'node:net';

/** How bad a {@link BadLine} is. */
export interface Badness {
  /** Milliseconds that each piece takes, one way: the mean, and how far it may be off. */
  readonly latency: number;
  readonly jitter: number;
  /** How often a piece is lost, and its connection with it. */
  readonly loss: number;
}

/** A TCP proxy in front of a server: it delays, keeps the order, and cuts. */
export class BadLine {
  readonly #proxy: TcpServer;
  readonly #pairs = new Set<() => void>();
  #badness: Badness;
  cuts = 0;

  private constructor(proxy: TcpServer, badness: Badness) {
    this.#proxy = proxy;
    this.#badness = badness;
  }

  static async to(origin: string, badness: Badness, random = Math.random): Promise<BadLine> {
    const target = Number(new URL(origin).port);
    const line = new BadLine(createServer(), badness);
    line.#proxy.on('connection', (client) => {
      line.#join(client, connect(target, '127.0.0.1'), random);
    });
    await new Promise<void>((resolve) => line.#proxy.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get origin(): string {
    const address = this.#proxy.address();
    if (address === null || typeof address === 'string') throw new Error('the line is closed');
    return `http://localhost:${address.port}`;
  }

  /** From now on. */
  become(badness: Badness): void {
    this.#badness = badness;
  }

  /** Cuts all connections that there are. */
  cut(): void {
    for (const cut of [...this.#pairs]) cut();
  }

  close(): void {
    this.#proxy.close();
    this.cut();
  }

  #join(client: Socket, server: Socket, random: () => number): void {
    const cut = (): void => {
      if (!this.#pairs.delete(cut)) return;
      client.destroy();
      server.destroy();
    };
    this.#pairs.add(cut);
    this.#carry(client, server, cut, random);
    this.#carry(server, client, cut, random);
  }

  #carry(from: Socket, to: Socket, cut: () => void, random: () => number): void {
    let last = 0;
    // Timers of different lengths that end together may fire in any order.
    const waiting: (() => void)[] = [];
    const delayed = (deliver: () => void): void => {
      const { latency, jitter } = this.#badness;
      const due = Date.now() + latency + (random() * 2 - 1) * jitter;
      // TCP keeps the order.
      last = Math.max(last, due);
      waiting.push(deliver);
      setTimeout(() => waiting.shift()?.(), last - Date.now());
    };
    from.on('data', (piece) => {
      if (random() < this.#badness.loss) {
        this.cuts += 1;
        cut();
      } else {
        delayed(() => to.write(piece));
      }
    });
    from.on('close', () => {
      delayed(cut);
    });
    from.on('error', cut);
    to.on('error', cut);
  }
}
