import { resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';

/** Chromium with fake devices, and a server for this folder's pages. */
export class TestBrowser {
  readonly #server: ViteDevServer;
  readonly #browser: Browser;

  private constructor(server: ViteDevServer, browser: Browser) {
    this.#server = server;
    this.#browser = browser;
  }

  /** Starts both; `args` are added to the browser's own. */
  static async start(
    args: readonly string[] = [],
    executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  ): Promise<TestBrowser> {
    const server = await createServer({
      root: import.meta.dirname,
      configFile: false,
      logLevel: 'error',
      // Of each that runs at the same time.
      cacheDir: resolve(
        import.meta.dirname,
        `../../node_modules/.vite-transforms-${process.env['VITEST_POOL_ID'] ?? '0'}`,
      ),
      server: {
        host: '127.0.0.1',
        port: 0,
        watch: null,
        hmr: false,
        fs: { allow: [resolve(import.meta.dirname, '../..')] },
      },
    });
    await server.listen();
    const browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        '--autoplay-policy=no-user-gesture-required',
        ...args,
      ],
    });
    return new TestBrowser(server, browser);
  }

  /** Opens one of this folder's pages and waits for what it adds to its window. */
  async open(path: string, global: string): Promise<Page> {
    const page = await this.#browser.newPage();
    page.on('pageerror', (error) => {
      console.error(error);
    });
    await page.goto(new URL(path, this.#server.resolvedUrls?.local[0]).href);
    await page.waitForFunction((name) => name in window, global);
    return page;
  }

  /** Processor time that all renderers have taken since they started, in s. */
  async rendererSeconds(): Promise<number> {
    const session = await this.#browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    await session.detach();
    return processInfo
      .filter(({ type }) => type === 'renderer')
      .reduce((seconds, { cpuTime }) => seconds + cpuTime, 0);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.close();
  }
}
