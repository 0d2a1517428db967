import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestBrowser } from './browser';

/** In s. */
const DURATION = 8;

let browser: TestBrowser;

beforeAll(async () => {
  browser = await TestBrowser.start();
});

afterAll(async () => {
  await browser.close();
});

test(
  'a thousand frames a second cost little, in time and in bytes',
  { timeout: 60_000 },
  async () => {
    const page = await browser.open('cost.html', 'prepareCost');
    const idle = await page.evaluate((request) => window.prepareCost(request), {
      duration: DURATION,
    });
    const before = await browser.rendererSeconds();
    const done = await page.evaluate(() => window.finishCost());
    const seconds = (await browser.rendererSeconds()) - before;

    const share = seconds / DURATION;
    const p95 = done.delays[Math.floor(done.delays.length * 0.95)]!;
    console.log(
      [
        `${Math.round(done.frames / DURATION)} frames a second`,
        `${(share * 100).toFixed(1)} % of a core`,
        `p95 delay ${p95.toFixed(2)} ms`,
        `${done.overhead} bytes a frame`,
        `encryption ${idle.encryption.sound.toFixed(3)} ms (sound)`,
        `${idle.encryption.picture.toFixed(3)} ms (picture)`,
      ].join(', '),
    );
    expect(done.frames / DURATION).toBeGreaterThan(1_000);
    expect(share).toBeLessThan(0.3);
    expect(p95).toBeLessThan(5);
    expect(done.overhead).toBeLessThan(24);
  },
);
