import { expect, test } from 'vitest';
import { chooseVideoCodec, codecPreferences, isWantedHeaderExtension } from './codecs';

function capabilities(...mimeTypes: string[]): RTCRtpCapabilities {
  return {
    codecs: mimeTypes.map((mimeType) => ({ mimeType, clockRate: 90_000 })),
    headerExtensions: [],
  };
}

test('video is what everyone may decode, VP8 first, with retransmission', () => {
  const offered = capabilities('video/rtx', 'video/H264', 'video/VP8', 'video/VP9', 'video/red');

  const names = codecPreferences('video', offered).map(({ mimeType }) => mimeType);

  expect(names).toEqual(['video/VP8', 'video/VP9', 'video/rtx']);
});

test('audio is Opus, and Opus with redundancy where the browser has it', () => {
  const offered = capabilities('audio/red', 'audio/opus', 'audio/PCMU');

  expect(codecPreferences('audio', offered).map(({ mimeType }) => mimeType)).toEqual([
    'audio/opus',
    'audio/red',
  ]);
});

test('a browser that tells nothing gets no preferences', () => {
  expect(codecPreferences('audio', null)).toEqual([]);
});

test('the phone’s orientation is never sent beside the picture', () => {
  expect(isWantedHeaderExtension('urn:3gpp:video-orientation')).toBe(false);
});

test('a codec is sent only while all can decode it', () => {
  expect(chooseVideoCodec('vp9', ['vp8', 'vp9', 'av1'])).toBe('vp9');
  expect(chooseVideoCodec('vp9', ['vp8', 'av1'])).toBe('vp8');
  expect(chooseVideoCodec('av1', [])).toBe('vp8');
});
