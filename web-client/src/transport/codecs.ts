import type { VideoCodec } from '../signaling/protocol/VideoCodec';

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
 * How the camera is encoded. In VP8 in three simulcast layers, the least first,
 * which is what the server takes their order for; browsers send fewer where the
 * picture is small. In other codecs in one stream, which gets its layers by
 * {@link scalabilityMode}. Bitrates are in bit/s.
 */
export function cameraEncodings(preferred: VideoCodec): RTCRtpEncodingParameters[] {
  if (preferred !== 'vp8') return [{ maxBitrate: 1_500_000, maxFramerate: 30 }];
  return [
    { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000, maxFramerate: 30 },
    { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000, maxFramerate: 30 },
    { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_500_000, maxFramerate: 30 },
  ];
}

/** The layers within one stream of the camera: three sizes, where the codec has them. */
export function scalabilityMode(codec: VideoCodec): string {
  return codec === 'vp8' ? 'L1T3' : 'L3T3_KEY';
}

/** The codec to send in: the preferred one if all can decode it, else what they can. */
export function chooseVideoCodec(
  preferred: VideoCodec,
  decodedByAll: readonly VideoCodec[],
): VideoCodec {
  return decodedByAll.includes(preferred) ? preferred : (decodedByAll[0] ?? 'vp8');
}

/** How a shared screen is encoded: one layer. The bitrate is in bit/s. */
export function screenEncodings(): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: 2_500_000, maxFramerate: 30 }];
}

const WANTED_CODECS = {
  audio: ['audio/opus', 'audio/red'],
  video: ['video/vp8', 'video/vp9', 'video/av1', 'video/rtx'],
} as const;

const WANTED_HEADER_EXTENSIONS: ReadonlySet<string> = new Set([
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  // Layers and key frames, in the clear: what the server chooses layers by.
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
]);
