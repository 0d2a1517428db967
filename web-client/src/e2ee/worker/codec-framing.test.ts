import { expect, test } from 'vitest';
import { codecFraming } from './codec-framing';
import { fromHex, toHex } from './sframe/hex';

const CIPHERTEXT = Uint8Array.from({ length: 200 }, (_, at) => at);

test.each(['audio/opus', 'audio/red', 'video/VP9', 'video/AV1'])(
  'nothing of %s stays in the clear',
  (mimeType) => {
    expect(codecFraming(mimeType)?.split(CIPHERTEXT)?.prefix).toHaveLength(0);
  },
);

test.each([
  ['key frame', 0x10, 10],
  ['inter frame', 0x11, 1],
])('a VP8 %s keeps what its packetizer reads', (_, tag, length) => {
  const vp8 = codecFraming('video/VP8')!;
  const frame = CIPHERTEXT.slice();
  frame[0] = tag;

  for (const parts of [vp8.split(frame), vp8.unwrap(vp8.wrap(frame, false))]) {
    expect(parts?.prefix).toEqual(frame.subarray(0, length));
    expect(parts?.rest).toEqual(frame.subarray(length));
  }
});

test('a frame with nothing behind its clear bytes is refused', () => {
  expect(codecFraming('video/VP8')!.split(new Uint8Array(10))).toBeUndefined();
  expect(codecFraming('video/VP8')!.split(Uint8Array.of(0x11))).toBeUndefined();
  expect(codecFraming('audio/opus')!.split(new Uint8Array())).toBeUndefined();
});

test.each([
  [true, '08'],
  [false, '30'],
])('AV1 with key frame %s goes in a unit of its own', (isKeyFrame, header) => {
  const wrapped = codecFraming('video/AV1')!.wrap(CIPHERTEXT, isKeyFrame);

  expect(toHex(wrapped)).toBe(header + toHex(CIPHERTEXT));
});

test.each(['08', '30', '0ac801', '32c801', '34ff', '36ffc881808000'])(
  'the ciphertext in a unit that starts with %s is found',
  (start) => {
    const unit = fromHex(start + toHex(CIPHERTEXT));

    expect(codecFraming('video/AV1')!.unwrap(unit)?.rest).toEqual(CIPHERTEXT);
  },
);

test.each([
  '',
  '08',
  '0a',
  '0a00',
  '0a05ff',
  '0a00ff',
  '34',
  '12',
  '18ffff',
  '0affffffffffffffffff',
])('%s is no unit with a ciphertext', (unit) => {
  expect(codecFraming('video/AV1')!.unwrap(fromHex(unit))).toBeUndefined();
});

test.each(['video/H264', 'video/H265', 'audio/PCMU', ''])('%s is not sent', (mimeType) => {
  expect(codecFraming(mimeType)).toBeUndefined();
});
