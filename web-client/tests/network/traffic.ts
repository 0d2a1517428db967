import type { Server } from '../browser/server';
import type { Link, Passage, Way } from './link';

/** What was seen of a link at a moment. */
interface Look {
  /** `Date.now()`. */
  readonly at: number;
  readonly down: Passage;
  readonly up: Passage;
  /** The server's estimate of the narrowest path, in bits a second; 0: none has shown a limit. */
  readonly estimate: number;
}

/** What happens on a link, looked at some ten times a second. */
export class Traffic {
  readonly #link: Link;
  readonly #server: Server;
  readonly #looks: Look[] = [];
  #isOver = false;
  #end: Promise<void> = Promise.resolve();

  private constructor(link: Link, server: Server) {
    this.#link = link;
    this.#server = server;
  }

  static watch(link: Link, server: Server): Traffic {
    const traffic = new Traffic(link, server);
    traffic.#end = traffic.#watch();
    return traffic;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#end;
  }

  /** Of the looks since `from`, the share at which the estimate was in this range of bits a second. */
  estimatedWithin(from: number, least: number, most: number): number {
    const estimates = this.#since(from).map(({ estimate }) => estimate);
    const inside = estimates.filter((estimate) => estimate >= least && estimate <= most);
    return inside.length / Math.max(1, estimates.length);
  }

  /** The estimate's median since `from`. */
  estimate(from: number): number {
    return percentile(
      this.#since(from).map(({ estimate }) => estimate),
      0.5,
    );
  }

  /** When the estimate was first in this range, `Date.now()`. */
  estimatedAt(from: number, least: number, most: number): number | undefined {
    const isInside = ({ estimate }: Look): boolean => estimate >= least && estimate <= most;
    return this.#since(from).find(isInside)?.at;
  }

  /** How long packets waited since `from`, in ms: 95 of a hundred looks saw no more. */
  queueMs(way: Way, from: number): number {
    return percentile(
      this.#since(from).map((look) => look[way].queueMs),
      0.95,
    );
  }

  /** The share of packets dropped since `from`. */
  dropped(way: Way, from: number): number {
    const looks = this.#since(from);
    const [first, last] = [looks[0]?.[way], looks.at(-1)?.[way]];
    if (first === undefined || last === undefined) return 0;
    const dropped = last.dropped - first.dropped;
    return dropped / Math.max(1, dropped + last.packets - first.packets);
  }

  /** A line a second. */
  course(from: number): string {
    let next = from;
    const lines: string[] = [];
    for (const { at, estimate, down, up } of this.#since(from)) {
      if (at < next) continue;
      next += 1_000;
      const of = ({ queueMs, packets, dropped }: Passage): string =>
        `${queueMs.toFixed(0)} ms of queue, ${packets} sent, ${dropped} dropped`;
      const second = ((at - from) / 1_000).toFixed(1);
      lines.push(
        `    ${second} s: ${Math.round(estimate / 1_000)} kbit/s; down ${of(down)}; up ${of(up)}`,
      );
    }
    return lines.join('\n');
  }

  #since(from: number): Look[] {
    return this.#looks.filter(({ at }) => at >= from);
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      const at = Date.now();
      const [passages, bytes] = await Promise.all([
        this.#link.passages(),
        this.#server.figure('quietroom_narrowest_path_bytes_per_second'),
      ]);
      this.#looks.push({ at, ...passages, estimate: bytes * 8 });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
