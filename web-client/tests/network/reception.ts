import type { Attendee } from '../browser/attendee';
import type { Kept } from '../browser/connections';

/** What a page's browser said at a moment of all that it receives and sends; sums since the start. */
export interface Sample {
  /** `Date.now()`. */
  readonly at: number;
  readonly width: number;
  readonly frames: number;
  /** `totalFreezesDuration`, in seconds. */
  readonly frozen: number;
  readonly freezes: number;
  /** Of sound: samples played, those of them made up, and of these the silent ones. */
  readonly played: number;
  readonly concealed: number;
  readonly silent: number;
  readonly soundPackets: number;
  readonly soundLost: number;
  readonly picturePackets: number;
  readonly pictureLost: number;
  readonly nacks: number;
  readonly keyRequests: number;
  /** Seconds that sound waited for its turn, over all samples that came out. */
  readonly soundWait: number;
  readonly soundOut: number;
  /** Bytes sent, by layer. */
  readonly sent: Readonly<Record<string, number>>;
  /** Pixels across, by layer, of what is sent. A browser whose machine is busy makes all layers smaller. */
  readonly widthsSent: Readonly<Record<string, number>>;
}

/** What a sample adds up. */
type Sum = Exclude<keyof Sample, 'sent' | 'widthsSent'>;

/** Runs in the page, which keeps its connections: samples ten times a second. */
export function recordReception(): void {
  const kept = globalThis as unknown as Kept & { samples: Sample[] };
  kept.samples = [];
  const read = async (connection: RTCPeerConnection): Promise<Sample> => {
    const sum = {
      ...{ at: Date.now(), width: 0, frames: 0, frozen: 0, freezes: 0 },
      ...{ played: 0, concealed: 0, silent: 0, soundPackets: 0, soundLost: 0 },
      ...{ picturePackets: 0, pictureLost: 0, nacks: 0, keyRequests: 0 },
      ...{ soundWait: 0, soundOut: 0 },
    };
    const sent: Record<string, number> = {};
    const widthsSent: Record<string, number> = {};
    for (const report of (await connection.getStats()).values()) {
      const stats = report as Record<string, unknown>;
      const figure = (name: string): number => (typeof stats[name] === 'number' ? stats[name] : 0);
      const layer = typeof stats['rid'] === 'string' ? stats['rid'] : String(stats['kind']);
      if (stats['type'] === 'outbound-rtp') {
        sent[layer] = (sent[layer] ?? 0) + figure('bytesSent');
        if (figure('frameWidth') > 0) widthsSent[layer] = figure('frameWidth');
      } else if (stats['type'] !== 'inbound-rtp') {
        continue;
      } else if (stats['kind'] === 'video') {
        sum.width = Math.max(sum.width, figure('frameWidth'));
        sum.frames += figure('framesDecoded');
        sum.frozen += figure('totalFreezesDuration');
        sum.freezes += figure('freezeCount');
        sum.picturePackets += figure('packetsReceived');
        sum.pictureLost += figure('packetsLost');
        sum.nacks += figure('nackCount');
        sum.keyRequests += figure('pliCount');
      } else {
        sum.played += figure('totalSamplesReceived');
        sum.concealed += figure('concealedSamples');
        sum.silent += figure('silentConcealedSamples');
        sum.soundPackets += figure('packetsReceived');
        sum.soundLost += figure('packetsLost');
        sum.soundWait += figure('jitterBufferDelay');
        sum.soundOut += figure('jitterBufferEmittedCount');
      }
    }
    return { ...sum, sent, widthsSent };
  };
  const look = async (): Promise<void> => {
    const connection = kept.connections.find((one) => one.connectionState === 'connected');
    if (connection !== undefined) kept.samples.push(await read(connection));
    setTimeout(() => void look(), 100);
  };
  void look();
}

/** What a page received during some time. */
export class Reception {
  readonly #samples: readonly Sample[];

  private constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** Since a moment, `Date.now()`, until now or another. */
  static async at(
    attendee: Pick<Attendee, 'evaluate'>,
    from: number,
    to = Infinity,
  ): Promise<Reception> {
    const samples = await attendee.evaluate(
      () => (globalThis as unknown as { samples: Sample[] }).samples,
    );
    return new Reception(samples.filter(({ at }) => at >= from && at <= to));
  }

  get seconds(): number {
    return (this.#last.at - this.#first.at) / 1_000;
  }

  /** Of the sound played, the share that was made up as it was missing, silence counted. */
  get soundMissing(): number {
    return this.#growth('concealed') / Math.max(1, this.#growth('played'));
  }

  /** As {@link Reception.soundMissing}, without what was silent anyway or for long. */
  get soundMadeUp(): number {
    const concealed = this.#growth('concealed') - this.#growth('silent');
    return concealed / Math.max(1, this.#growth('played'));
  }

  /** Of the sound's packets, the share that never came. */
  get soundLost(): number {
    return (
      this.#growth('soundLost') /
      Math.max(1, this.#growth('soundLost') + this.#growth('soundPackets'))
    );
  }

  /** How long sound waited for its turn, in ms; a mean. */
  get soundWaitMs(): number {
    return (this.#growth('soundWait') * 1_000) / Math.max(1, this.#growth('soundOut'));
  }

  /** Of the time, the share in which the picture stood still, by the browser's own word. */
  get pictureFrozen(): number {
    return this.#growth('frozen') / Math.max(0.1, this.seconds);
  }

  /** How long no frame came, at the longest, in ms. */
  get longestFreezeMs(): number {
    let [longest, since, frames] = [0, this.#first.at, this.#first.frames];
    for (const sample of this.#samples) {
      longest = Math.max(longest, sample.at - since);
      if (sample.frames > frames) [since, frames] = [sample.at, sample.frames];
    }
    return longest;
  }

  get framesPerSecond(): number {
    return this.#growth('frames') / Math.max(0.1, this.seconds);
  }

  /** The share of the time at each width of the picture, in pixels. */
  get widths(): ReadonlyMap<number, number> {
    const shares = new Map<number, number>();
    for (const { width } of this.#samples) {
      shares.set(width, (shares.get(width) ?? 0) + 1 / this.#samples.length);
    }
    return shares;
  }

  /** The share of the time in which the picture had one of these widths. */
  shareOf(widths: ReadonlySet<number>): number {
    const some = this.#samples.filter(({ width }) => widths.has(width));
    return some.length / Math.max(1, this.#samples.length);
  }

  /** In which this layer was sent. */
  widthsSent(layer: string): ReadonlySet<number> {
    return new Set(this.#samples.flatMap((sample) => sample.widthsSent[layer] ?? []));
  }

  /** The last width of the picture, in pixels. */
  get width(): number {
    return this.#samples.at(-1)?.width ?? 0;
  }

  /** When the picture first was so wide, `Date.now()`. */
  firstAt(width: number): number | undefined {
    return this.#samples.find((sample) => sample.width >= width)?.at;
  }

  /** When the picture first had one of these widths, `Date.now()`. */
  firstOf(widths: ReadonlySet<number>): number | undefined {
    return this.#samples.find(({ width }) => widths.has(width))?.at;
  }

  get keyRequests(): number {
    return this.#growth('keyRequests');
  }

  get freezes(): number {
    return this.#growth('freezes');
  }

  get nacks(): number {
    return this.#growth('nacks');
  }

  /** Bits a second sent of each layer. */
  get sent(): Readonly<Record<string, number>> {
    const before = this.#first.sent;
    return Object.fromEntries(
      Object.entries(this.#last.sent).map(([layer, bytes]) => [
        layer,
        Math.round(((bytes - (before[layer] ?? 0)) * 8) / Math.max(0.1, this.seconds)),
      ]),
    );
  }

  /** A line a second. */
  course(from: number): string {
    let before = this.#first;
    const lines: string[] = [];
    for (const sample of this.#samples) {
      if (sample.at < before.at + 1_000) continue;
      const grown = (name: Sum): number => sample[name] - before[name];
      const wait = (grown('soundWait') * 1_000) / Math.max(1, grown('soundOut'));
      lines.push(
        `    ${((sample.at - from) / 1_000).toFixed(1)} s: ${sample.width} pixels wide, ` +
          `${grown('frames')} frames, ${grown('picturePackets')} packets, ` +
          `${grown('nacks')} NACKs, ${grown('freezes')} freezes; sound waits ${wait.toFixed(0)} ms, ` +
          `${(grown('concealed') / 48).toFixed(0)} ms made up`,
      );
      before = sample;
    }
    return lines.join('\n');
  }

  toString(): string {
    const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
    const widths = [...this.widths].map(([width, share]) => `${width}: ${percent(share)}`);
    return [
      `${this.seconds.toFixed(1)} s: sound missing ${percent(this.soundMissing)}`,
      `made up ${percent(this.soundMadeUp)}, lost ${percent(this.soundLost)}`,
      `waits ${this.soundWaitMs.toFixed(0)} ms`,
      `picture frozen ${percent(this.pictureFrozen)} in ${this.freezes} freezes, longest without ${this.longestFreezeMs} ms`,
      `${this.framesPerSecond.toFixed(1)} fps, ${this.nacks} NACKs, ${this.keyRequests} PLIs`,
      `widths ${widths.join(', ')}`,
    ].join(', ');
  }

  #growth(name: Sum): number {
    return this.#last[name] - this.#first[name];
  }

  get #first(): Sample {
    const [first] = this.#samples;
    if (first === undefined) throw new Error('nothing was received then');
    return first;
  }

  get #last(): Sample {
    return this.#samples.at(-1) ?? this.#first;
  }
}
