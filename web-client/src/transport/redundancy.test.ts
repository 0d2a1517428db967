import { expect, test } from 'vitest';
import { chooseAudioCodec, withSoundIn } from './redundancy';

const ANSWER = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
  'a=mid:0',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:63 red/48000/2',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=mid:1',
  'a=rtpmap:96 VP8/90000',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
  'a=mid:2',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:63 red/48000/2',
  '',
].join('\r\n');

function lines(sdp: string): string[] {
  return sdp.split('\r\n').filter((line) => line.startsWith('m='));
}

test('the codec that is wanted comes first in our own sections, and back again', () => {
  const red = withSoundIn('red', ANSWER, ['0', '1']);

  expect(lines(red)).toEqual([
    'm=audio 9 UDP/TLS/RTP/SAVPF 63 111',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
  ]);
  expect(withSoundIn('opus', red, ['0', '1'])).toBe(ANSWER);
  expect(withSoundIn('opus', ANSWER, ['0', '2'])).toBe(ANSWER);
});

test.each([
  ['without RED', ANSWER.replaceAll('red/', 'blue/')],
  ['with a number that is none', ANSWER.replaceAll('a=rtpmap:63', 'a=rtpmap:six')],
  ['with a malformed line', ANSWER.replaceAll('m=audio 9', 'm=audio')],
  ['that is nothing', ''],
])('an answer %s stays as it is', (_, answer) => {
  expect(withSoundIn('red', answer, ['0', '2'])).toBe(answer);
});

test('redundancy is sent only while all can decode it', () => {
  expect(chooseAudioCodec(['opus', 'red'])).toBe('red');
  expect(chooseAudioCodec(['opus'])).toBe('opus');
  expect(chooseAudioCodec([])).toBe('opus');
});
