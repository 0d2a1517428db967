import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { type Machine, SERVER } from './machine';

/** From the server to the machine, or back. */
export type Way = 'down' | 'up';

/** How narrow one way of a {@link Link} is. */
export interface Width {
  /** Bits a second, all headers counted. */
  readonly rate: number;
  /** The longest that a packet waits for its turn before others are dropped, in ms. */
  readonly queueMs: number;
}

/** What has gone over one way of a {@link Link}, and what waits there. */
export interface Passage {
  readonly packets: number;
  readonly dropped: number;
  /** How long the packet that comes next will wait, in ms. */
  readonly queueMs: number;
}

/**
 * A cable between a {@link Machine} and the server, made worse by the kernel on
 * both ends: its rate by a token bucket, its loss at random.
 */
export class Link {
  readonly #machine: Machine;
  readonly #cable: number;
  readonly #widths = new Map<Way, Width | undefined>();

  private constructor(machine: Machine, cable: number) {
    this.#machine = machine;
    this.#cable = cable;
  }

  /** Plugs the cable in; the machine has an address on it. */
  static async plug(machine: Machine, cable: number): Promise<Link> {
    const link = new Link(machine, cable);
    await machine.plug(cable);
    // What leaves as one train must be dropped and delayed packet by packet.
    await execute('ip', ['link', 'set', link.#here, 'gso_max_segs', '1']);
    await machine.run('ip', 'link', 'set', link.#there, 'gso_max_segs', '1');
    await machine.connect(cable);
    return link;
  }

  /** From now on this wide; `undefined`: as wide as can be. */
  async narrow(width: Width | undefined, ways: readonly Way[] = ['down', 'up']): Promise<void> {
    for (const way of ways) await this.#narrow(way, width);
  }

  async #narrow(way: Way, width: Width | undefined): Promise<void> {
    this.#widths.set(way, width);
    const change =
      width === undefined
        ? ['root', 'pfifo']
        : ['root', 'tbf', 'rate', `${width.rate}bit`, 'latency', `${width.queueMs}ms`];
    if (width !== undefined) change.push('burst', `${BURST}b`);
    const command = ['qdisc', 'replace', 'dev', way === 'down' ? this.#here : this.#there];
    if (way === 'down') await execute('tc', [...command, ...change]);
    else await this.#machine.run('tc', ...command, ...change);
  }

  /** From now on this share of UDP is lost each way, where it arrives. */
  async lose(share: number): Promise<void> {
    const rules = (device: string): string => `
      add table inet loss
      delete table inet loss
      table inet loss {
        chain arrival {
          type filter hook prerouting priority raw
          iifname ${device} meta l4proto udp numgen random mod 10000 < ${Math.round(share * 10_000)} drop
        }
      }`;
    await execute('nft', [rules(this.#here)]);
    await this.#machine.run('nft', rules(this.#there));
  }

  /** From now on, what the machine sends to the server's media port goes to a relay here in its stead. */
  async detour(port: number, relay: string): Promise<void> {
    await this.#machine.run(
      'nft',
      `
      add table ip detour
      delete table ip detour
      table ip detour {
        chain departure {
          type nat hook output priority -100
          ip daddr ${SERVER} udp dport ${port} dnat to ${relay}
        }
      }`,
    );
  }

  /** This side's address of the cable. */
  get address(): string {
    return `10.9.${this.#cable}.1`;
  }

  /** What has gone from the server to the machine, and back. */
  async passages(): Promise<{ down: Passage; up: Passage }> {
    const question = ['-s', '-j', 'qdisc', 'show', 'dev'];
    const [down, up] = await Promise.all([
      execute('tc', [...question, this.#here]).then(({ stdout }) => stdout),
      this.#machine.run('tc', ...question, this.#there),
    ]);
    return { down: this.#passage('down', down), up: this.#passage('up', up) };
  }

  #passage(way: Way, told: string): Passage {
    const [queue] = JSON.parse(told) as [{ packets: number; drops: number; backlog: number }];
    const rate = this.#widths.get(way)?.rate ?? Infinity;
    return {
      packets: queue.packets,
      dropped: queue.drops,
      queueMs: (queue.backlog * 8_000) / rate,
    };
  }

  get #here(): string {
    return this.#machine.cable(this.#cable);
  }

  get #there(): string {
    return `cable${this.#cable}`;
  }
}

const execute = promisify(execFile);
/** Of one packet, so that nothing passes faster than the rate. */
const BURST = 1_600;
