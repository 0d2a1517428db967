/** The codecs of a media section, most wanted first. */
export function codecPreferences(
  kind: 'audio' | 'video',
  capabilities: RTCRtpCapabilities | null,
): RTCRtpCodec[] {
  const wanted = WANTED_CODECS[kind];
  return wanted.flatMap((mimeType) =>
    (capabilities?.codecs ?? []).filter((codec) => codec.mimeType.toLowerCase() === mimeType),
  );
}

/** The header extensions worth their bytes; the rest only makes the offer longer. */
export function isWantedHeaderExtension(uri: string): boolean {
  return WANTED_HEADER_EXTENSIONS.has(uri);
}

/**
 * How the camera is encoded: the place where simulcast layers will stand.
 * Bitrates are in bit/s.
 */
export function cameraEncodings(): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: 1_500_000, maxFramerate: 30 }];
}

/** How a shared screen is encoded: one layer. The bitrate is in bit/s. */
export function screenEncodings(): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: 2_500_000, maxFramerate: 30 }];
}

const WANTED_CODECS = {
  audio: ['audio/opus'],
  video: ['video/vp8', 'video/rtx'],
} as const;

const WANTED_HEADER_EXTENSIONS: ReadonlySet<string> = new Set([
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
]);
