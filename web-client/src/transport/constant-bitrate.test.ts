import { expect, test } from 'vitest';
import { withConstantBitrate } from './constant-bitrate';

function answer(...sound: string[]): string {
  return [
    'v=0',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
    'a=mid:0',
    'a=rtpmap:111 opus/48000/2',
    ...sound,
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:4',
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 usedtx=1',
    '',
  ].join('\r\n');
}

const CONSTANT = answer('a=fmtp:111 useinbandfec=1;minptime=10;usedtx=0;cbr=1');

test.each([
  ['says so itself', ['a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0;cbr=1']],
  ['asks for a variable bitrate', ['a=fmtp:111 useinbandfec=1;cbr=0;usedtx=0']],
  ['asks for pauses', ['a=fmtp:111 usedtx=1; useinbandfec=1']],
  ['says it twice', ['a=fmtp:111 useinbandfec=1;cbr=1', 'a=fmtp:111 useinbandfec=1;cbr=0']],
  ['asks for other packets', ['a=fmtp:111 useinbandfec=1;ptime=60', 'a=ptime:5', 'a=maxptime:5']],
])('our sound is of constant bitrate when the server %s', (_, sound) => {
  expect(withConstantBitrate(answer(...sound), ['0'])).toBe(CONSTANT);
});

test('our sound is of constant bitrate when the server says nothing of it', () => {
  expect(withConstantBitrate(answer(), ['0'])).toBe(
    answer('a=fmtp:111 minptime=10;usedtx=0;cbr=1'),
  );
});

test('every number of Opus is of constant bitrate', () => {
  const changed = withConstantBitrate(
    'm=audio 9 X 111 109\na=mid:0\na=rtpmap:111 opus/48000/2\na=rtpmap:109 OPUS/48000/2\n',
    ['0'],
  );

  expect(changed.match(/^a=fmtp:(111|109) .*usedtx=0;cbr=1$/gm)).toHaveLength(2);
});

test.each([
  ['without sections', 'v=0\r\n'],
  ['without our section', answer()],
  ['that is nothing', ''],
])('an answer %s stays as it is', (_, text) => {
  expect(withConstantBitrate(text, ['9'])).toBe(text);
});
