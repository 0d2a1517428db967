import { expect, test } from 'vitest';
import { codecPreferences, isWantedHeaderExtension } from './codecs';

function capabilities(...mimeTypes: string[]): RTCRtpCapabilities {
  return {
    codecs: mimeTypes.map((mimeType) => ({ mimeType, clockRate: 90_000 })),
    headerExtensions: [],
  };
}

test('video is VP8 with retransmission and nothing else', () => {
  const offered = capabilities('video/rtx', 'video/H264', 'video/VP8', 'video/VP9', 'video/red');

  const names = codecPreferences('video', offered).map(({ mimeType }) => mimeType);

  expect(names).toEqual(['video/VP8', 'video/rtx']);
});

test('audio is Opus without redundancy', () => {
  const offered = capabilities('audio/red', 'audio/opus', 'audio/PCMU');

  expect(codecPreferences('audio', offered).map(({ mimeType }) => mimeType)).toEqual([
    'audio/opus',
  ]);
});

test('a browser that tells nothing gets no preferences', () => {
  expect(codecPreferences('audio', null)).toEqual([]);
});

test('the phone’s orientation is never sent beside the picture', () => {
  expect(isWantedHeaderExtension('urn:3gpp:video-orientation')).toBe(false);
});
