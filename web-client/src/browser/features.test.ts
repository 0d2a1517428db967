import { expect, test, vi } from 'vitest';
import { requireTransformInterface, type BrowserScope } from './features';

const STREAMS = { prototype: { createEncodedStreams: () => undefined } };
const BARE = { prototype: {} };

function scope(changes: Partial<BrowserScope>): BrowserScope {
  return {
    isSecureContext: true,
    RTCPeerConnection: vi.fn(),
    RTCRtpSender: BARE,
    RTCRtpReceiver: BARE,
    ...changes,
  };
}

test('the standard interface is taken where both are', () => {
  const both = scope({
    RTCRtpScriptTransform: vi.fn(),
    RTCRtpSender: STREAMS,
    RTCRtpReceiver: STREAMS,
  });

  expect(requireTransformInterface(both)).toBe('script-transform');
});

test('chromium’s own interface is taken where it is the only one', () => {
  const old = scope({ RTCRtpSender: STREAMS, RTCRtpReceiver: STREAMS });

  expect(requireTransformInterface(old)).toBe('encoded-streams');
});

test.each([
  ['no interface for encoded frames', {}, 'unsupported-browser'],
  ['one on senders only', { RTCRtpSender: STREAMS }, 'unsupported-browser'],
  ['no WebRTC', { RTCPeerConnection: undefined }, 'unsupported-browser'],
  ['an insecure page', { isSecureContext: false }, 'insecure-context'],
])('%s is refused', (_, changes, code) => {
  expect(() => requireTransformInterface(scope(changes))).toThrow(
    expect.objectContaining({ code }),
  );
});
