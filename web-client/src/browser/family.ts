import { isIos, isSafari } from './safari';

/** Browsers in which a permission is given back in the same way. */
export type BrowserFamily =
  'chromium' | 'chromium-android' | 'firefox' | 'safari' | 'safari-ios' | 'other';

/** By what a browser says of itself; only help for people may depend on it. */
export function browserFamily({
  userAgent,
  maxTouchPoints,
}: Pick<Navigator, 'userAgent' | 'maxTouchPoints'>): BrowserFamily {
  if (isIos(userAgent, maxTouchPoints)) return 'safari-ios';
  if (userAgent.includes('Firefox/')) return 'firefox';
  if (/Chrom(e|ium)\//.test(userAgent)) {
    return userAgent.includes('Android') ? 'chromium-android' : 'chromium';
  }
  return isSafari(userAgent) ? 'safari' : 'other';
}

/** Whether it runs on a phone or tablet, as far as it says. */
export function isHandheld({
  userAgent,
  maxTouchPoints,
}: Pick<Navigator, 'userAgent' | 'maxTouchPoints'>): boolean {
  return isIos(userAgent, maxTouchPoints) || userAgent.includes('Android');
}
