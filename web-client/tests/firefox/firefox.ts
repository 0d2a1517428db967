import { launch, type Browser, type Page } from 'puppeteer-core';

import type { Attendee } from '../browser/attendee';
import { countSoundPackets, type Kept, keepConnections } from '../browser/connections';
import { installObserver, type Remote } from '../browser/observer';
import { type Machine, SERVER } from '../network/machine';
import { SLOWNESS } from '../slow-machine';
import type { SoundDevice } from './sound-device';

/** How a Firefox is started. */
export interface FirefoxOptions {
  /** What its fake microphone sounds at, in Hz. */
  readonly frequency?: number;
  /** What it sends is in files whose paths begin so, before SRTP. */
  readonly log?: string;
  /** Where it runs; on this machine when absent. */
  readonly machine?: Machine;
  /** What it plays by; without one it plays nothing. */
  readonly sound?: SoundDevice;
  /** Sends as much from the first second on, in bit/s. */
  readonly leastBitrate?: number;
  /** A folder with its certificates; a fresh one when absent. */
  readonly profile?: string;
  /** The address that all names stand for. */
  readonly named?: string;
}

/** The browser's own settings, by their names in `about:config`. */
export type Preferences = Readonly<Record<string, boolean | number | string>>;

/** Somebody with Firefox, whose microphone gives a steady tone and whose camera changing colours. */
export class FirefoxParticipant implements Attendee {
  readonly name = 'Firefox';
  readonly page: Page;
  readonly console: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
    page.on('console', (message) => this.console.push(message.text()));
    page.on('pageerror', (error) => this.console.push(`thrown: ${String(error)}`));
  }

  static async start(options: FirefoxOptions = {}): Promise<FirefoxParticipant> {
    const { frequency = 440, log, machine, sound, leastBitrate, profile, named } = options;
    // The one who drives it is on this side.
    await machine?.openPort(DRIVING_PORT);
    const browser = await launch({
      browser: 'firefox',
      // For its settings.
      args: ['--remote-allow-system-access'],
      debuggingPort: machine === undefined ? 0 : DRIVING_PORT,
      env: {
        ...process.env,
        ...(log !== undefined && { MOZ_LOG: 'RtpLogger:5,raw', MOZ_LOG_FILE: log }),
        ...(sound !== undefined && { PULSE_SERVER: sound.address }),
      },
      executablePath: (await machine?.program(FIREFOX)) ?? FIREFOX,
      headless: true,
      ...(profile !== undefined && { userDataDir: profile }),
      extraPrefsFirefox: {
        'dom.securecontext.allowlist': SERVER,
        'media.autoplay.block-webaudio': false,
        'media.autoplay.blocking_policy': 0,
        'media.autoplay.default': 0,
        'media.navigator.audio.fake_frequency': frequency,
        'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        'media.peerconnection.video.lock_scaling': true,
        ...(named !== undefined && { 'network.dns.forceResolve': named }),
        ...(leastBitrate !== undefined && {
          'media.peerconnection.video.min_bitrate_estimate': leastBitrate,
        }),
      },
    });
    const page = await browser.newPage();
    const participant = new FirefoxParticipant(browser, page);
    await participant.prepare(installObserver);
    await participant.prepare(keepConnections);
    return participant;
  }

  evaluate<Result, Argument>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument?: Argument,
  ): Promise<Result> {
    return this.page.evaluate(work as (argument: unknown) => unknown, argument) as Promise<Result>;
  }

  /** As for an {@link Attendee}; `parameters` are copied. */
  async prepare<Parameters extends unknown[]>(
    script: (...parameters: Parameters) => void,
    ...parameters: Parameters
  ): Promise<void> {
    await this.page.evaluateOnNewDocument(script, ...parameters);
  }

  async open(link: string): Promise<void> {
    await this.page.goto(link, { waitUntil: 'load' });
  }

  /** Changes the browser's settings. */
  async configure(preferences: Preferences): Promise<void> {
    await this.#besidePage((wanted) => {
      const { Services } = globalThis as unknown as Privileged;
      for (const [name, value] of Object.entries(wanted)) {
        if (typeof value === 'boolean') Services.prefs.setBoolPref(name, value);
        else if (typeof value === 'number') Services.prefs.setIntPref(name, value);
        else Services.prefs.setStringPref(name, value);
      }
    }, preferences);
  }

  /** Takes back what {@link configure} changed. */
  async forget(names: readonly string[]): Promise<void> {
    await this.#besidePage((changed) => {
      const { Services } = globalThis as unknown as Privileged;
      for (const name of changed) Services.prefs.clearUserPref(name);
    }, names);
  }

  /** As by "Work Offline" in the browser's menu. */
  async setOffline(isOffline: boolean): Promise<void> {
    await this.#besidePage((wanted) => {
      (globalThis as unknown as Privileged).Services.io.offline = wanted;
    }, isOffline);
  }

  /** As by the browser's menu: 2 is twice the size. */
  async zoom(factor: number): Promise<void> {
    await this.#besidePage(
      ({ origin, wanted }) => {
        const { Services } = globalThis as unknown as Privileged;
        // Else it is forgotten as the tab is shown again.
        Services.prefs.setBoolPref('browser.zoom.siteSpecific', false);
        for (const { linkedBrowser } of Services.wm.getMostRecentBrowserWindow().gBrowser.tabs) {
          if (!linkedBrowser.currentURI.spec.startsWith(origin)) continue;
          linkedBrowser.browsingContext.fullZoom = wanted;
        }
      },
      { origin: new URL(this.page.url()).origin, wanted: factor },
    );
  }

  /** Does to the page what a person can do by the browser's own sign that devices are in use. */
  async handleDevices(deed: DeviceDeed): Promise<void> {
    await this.#besidePage(
      ({ origin, message }) => {
        const { Services } = globalThis as unknown as Privileged;
        for (const { linkedBrowser } of Services.wm.getMostRecentBrowserWindow().gBrowser.tabs) {
          if (!linkedBrowser.currentURI.spec.startsWith(origin)) continue;
          const { currentWindowGlobal: page } = linkedBrowser.browsingContext;
          page.getActor('WebRTC').sendAsyncMessage(message, page.outerWindowId);
        }
      },
      { origin: new URL(this.page.url()).origin, message: `webrtc:${deed}` },
    );
  }

  /** Another tab, in front of the others, with nothing prepared. */
  anotherTab(): Promise<Page> {
    return this.#browser.newPage();
  }

  /** The computer sleeps for so long: nothing of the browser runs. */
  async sleep(durationMs: number): Promise<void> {
    const leader = this.#browser.process()?.pid;
    if (leader === undefined) throw new Error('the browser has no process');
    process.kill(-leader, 'SIGSTOP');
    try {
      await new Promise((resolve) => setTimeout(resolve, durationMs));
    } finally {
      process.kill(-leader, 'SIGCONT');
    }
  }

  /** Presses, with the mouse, where `selector` finds the first in the element's own tree. */
  async click(selector: string): Promise<void> {
    const { x, y } = await this.page.evaluate((wanted) => {
      const found = document.querySelector('quiet-room')?.shadowRoot?.querySelector(wanted);
      if (found == null) throw new Error(`no ${wanted}`);
      const { left, top, width, height } = found.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    }, selector);
    await this.page.mouse.click(x, y);
  }

  /** Resolves once this page shows `count` others, and fails after fifteen seconds on a usual machine. */
  async meets(count: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => window.observer.ids().length === wanted && window.observer.pictures() === wanted,
      { timeout: SLOWNESS * 15_000, polling: 100 },
      count,
    );
  }

  ids(): Promise<string[]> {
    return this.evaluate(() => window.observer.ids());
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
    return this.page.evaluate(countSoundPackets);
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

  /** Runs `work` in a page of the browser's own, in another tab for so long. */
  async #besidePage<Argument>(
    work: (argument: Argument) => void,
    argument: Argument,
  ): Promise<void> {
    const settings = await this.#browser.newPage();
    await openSettings(settings);
    await settings.evaluate(work as (argument: unknown) => void, argument);
    await settings.close();
  }
}

/** What a page of the browser's own has. */
interface Privileged {
  readonly Services: {
    readonly wm: {
      getMostRecentBrowserWindow(): {
        readonly gBrowser: { readonly tabs: readonly { readonly linkedBrowser: Tab }[] };
      };
    };
    readonly io: { offline: boolean };
    readonly prefs: {
      clearUserPref(name: string): void;
      setBoolPref(name: string, value: boolean): void;
      setIntPref(name: string, value: number): void;
      setStringPref(name: string, value: string): void;
    };
  };
}

interface Tab {
  readonly currentURI: { readonly spec: string };
  readonly browsingContext: {
    fullZoom: number;
    readonly currentWindowGlobal: {
      readonly outerWindowId: number;
      getActor(name: string): { sendAsyncMessage(message: string, data: unknown): void };
    };
  };
}

/** What may be done to devices in use. */
export type DeviceDeed = 'MuteCamera' | 'UnmuteCamera';

export interface Sender {
  readonly leaf: number;
  readonly epoch: number;
  /** By payload type. */
  readonly codecs: readonly (readonly [number, string])[];
}

async function openSettings(page: Page): Promise<void> {
  // Of the browser's own pages it tells no end of loading.
  page.goto(SETTINGS, { timeout: SETTINGS_MS }).catch(() => undefined);
  const deadline = Date.now() + SETTINGS_MS;
  while (!(await page.evaluate(isAt, SETTINGS).catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`no ${SETTINGS} within ${SETTINGS_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs in the page. */
function isAt(address: string): boolean {
  return location.href === address && 'Services' in globalThis;
}

const SETTINGS = 'about:config';
const SETTINGS_MS = 15_000;
const FIREFOX = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr';
/** On another machine it is always free. */
const DRIVING_PORT = 9230;
const LISTEN_MS = 1_500;
