import { launch, type Browser, type Page } from 'puppeteer-core';

import { type Kept, keepConnections } from '../browser/connections';
import { installObserver, type Remote } from '../browser/observer';

/** Somebody with Firefox, whose microphone gives a steady tone and whose camera changing colours. */
export class FirefoxParticipant {
  readonly page: Page;
  readonly console: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
    page.on('console', (message) => this.console.push(message.text()));
    page.on('pageerror', (error) => this.console.push(`thrown: ${String(error)}`));
  }

  /**
   * Starts the browser; its microphone sounds at `frequency` Hz. What it sends
   * is in files whose paths begin with `log`, before SRTP.
   */
  static async start(frequency: number, log: string): Promise<FirefoxParticipant> {
    const browser = await launch({
      browser: 'firefox',
      env: { ...process.env, MOZ_LOG: 'RtpLogger:5,raw', MOZ_LOG_FILE: log },
      executablePath: process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
      headless: true,
      extraPrefsFirefox: {
        'media.autoplay.block-webaudio': false,
        'media.autoplay.blocking_policy': 0,
        'media.autoplay.default': 0,
        'media.navigator.audio.fake_frequency': frequency,
        'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        'media.peerconnection.video.lock_scaling': true,
        'media.peerconnection.video.min_bitrate_estimate': 5_000_000,
      },
    });
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(installObserver);
    await page.evaluateOnNewDocument(keepConnections);
    return new FirefoxParticipant(browser, page);
  }

  async open(link: string): Promise<void> {
    await this.page.goto(link, { waitUntil: 'load' });
  }

  /** Resolves once this page shows `count` others, and fails after fifteen seconds. */
  async meets(count: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => window.observer.ids().length === wanted && window.observer.pictures() === wanted,
      { timeout: 15_000, polling: 100 },
      count,
    );
  }

  /** What each of the others looks and sounds like here, at these frequencies. */
  remotes(frequencies: readonly number[]): Promise<Remote[]> {
    return this.page.evaluate(
      (probes, listen) => window.observer.remotes(probes, listen),
      [...frequencies],
      LISTEN_MS,
    );
  }

  /** Packets of sound that this page's connections have received. */
  soundPackets(): Promise<number> {
    return this.page.evaluate(async () => {
      let packets = 0;
      for (const connection of (globalThis as unknown as Kept).connections) {
        for (const report of (await connection.getStats()).values()) {
          const stats = report as RTCInboundRtpStreamStats;
          if (stats.type === 'inbound-rtp' && stats.kind === 'audio') {
            packets += stats.packetsReceived ?? 0;
          }
        }
      }
      return packets;
    });
  }

  /** What this page's own keys and codecs are. */
  sender(): Promise<Sender> {
    return this.page.evaluate(() => {
      const room = document.querySelector('quiet-room')?.room;
      const own = room?.group?.members.find(
        ({ participantId }) => participantId === room.localParticipant.id,
      );
      const codecs: [number, string][] = [];
      for (const connection of (globalThis as unknown as Kept).connections) {
        const lines = (connection.localDescription?.sdp ?? '').split('\r\n');
        let kind = '';
        for (const line of lines) {
          kind = /^m=(\w+)/.exec(line)?.[1] ?? kind;
          const [, payloadType, name] = /^a=rtpmap:(\d+) ([\w-]+)/.exec(line) ?? [];
          if (payloadType !== undefined) codecs.push([Number(payloadType), `${kind}/${name}`]);
        }
      }
      return { leaf: own?.leaf ?? -1, epoch: Number(room?.group?.epoch ?? -1n), codecs };
    });
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

export interface Sender {
  readonly leaf: number;
  readonly epoch: number;
  /** By payload type. */
  readonly codecs: readonly (readonly [number, string])[];
}

const LISTEN_MS = 1_500;
