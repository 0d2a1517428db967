import type { TransformInterface } from '../e2ee/transforms';
import { QuietroomError } from '../error';

/** What the client needs of the browser's global scope to decide. */
export interface BrowserScope {
  readonly isSecureContext: boolean;
  readonly RTCPeerConnection?: unknown;
  readonly RTCRtpScriptTransform?: unknown;
  readonly RTCRtpSender?: { readonly prototype: object };
  readonly RTCRtpReceiver?: { readonly prototype: object };
}

/**
 * The interface for encoded frames to use; the standard one where both are.
 *
 * Throws `insecure-context` or `unsupported-browser`: without such an
 * interface nothing could be encrypted, so nothing is joined.
 */
export function requireTransformInterface(scope: BrowserScope): TransformInterface {
  if (!scope.isSecureContext) throw new QuietroomError('insecure-context');
  if (scope.RTCPeerConnection === undefined) {
    throw new QuietroomError('unsupported-browser', 'no RTCPeerConnection');
  }
  if (scope.RTCRtpScriptTransform !== undefined) return 'script-transform';
  const hasStreams = [scope.RTCRtpSender, scope.RTCRtpReceiver].every(
    (end) => end !== undefined && 'createEncodedStreams' in end.prototype,
  );
  if (hasStreams) return 'encoded-streams';
  throw new QuietroomError('unsupported-browser', 'no encoded transforms');
}
