import { expect, test } from 'vitest';
import { browserFamily, isHandheld } from './family';

const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)';

test.each([
  [
    'chromium',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    0,
  ],
  [
    'chromium',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0',
    0,
  ],
  [
    'chromium-android',
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
    5,
  ],
  ['firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 0],
  ['safari', `${MAC} Version/18.1 Safari/605.1.15`, 0],
  ['safari-ios', `${MAC} Version/18.1 Safari/605.1.15`, 5],
  [
    'safari-ios',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1',
    5,
  ],
  ['other', 'Lynx/2.9.0', 0],
])('%s is told by its name', (family, userAgent, maxTouchPoints) => {
  expect(browserFamily({ userAgent, maxTouchPoints })).toBe(family);
});

test('phones and tablets are told from computers', () => {
  const android = 'Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0';

  expect(isHandheld({ userAgent: android, maxTouchPoints: 5 })).toBe(true);
  expect(isHandheld({ userAgent: `${MAC} Version/18.1 Safari/605.1.15`, maxTouchPoints: 5 })).toBe(
    true,
  );
  expect(isHandheld({ userAgent: `${MAC} Version/18.1 Safari/605.1.15`, maxTouchPoints: 0 })).toBe(
    false,
  );
});
