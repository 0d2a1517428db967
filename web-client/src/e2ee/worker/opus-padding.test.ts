import { expect, test } from 'vitest';

import { OpusPadding } from './opus-padding';

test('packets of the size that constant bitrate gives stay as they are', () => {
  const padding = new OpusPadding();
  const packet = opus(80);

  for (let count = 0; count < 10; count++) expect(padding.pad(packet)).toBe(packet);
});

test('one that is larger is rounded up, and those after it stay as they are', () => {
  const padding = new OpusPadding();
  expect(padding.pad(opus(96))).toHaveLength(128);
  for (let count = 0; count < 60; count++) expect(padding.pad(opus(80))).toHaveLength(80);
  expect(padding.pad(opus(96))).toHaveLength(128);
  expect(padding.pad(opus(80))).toHaveLength(80);
});

test('from the second larger one within a second on, packets are all of one size', () => {
  const padding = varying();

  const sizes = [3, 60, 79, 80, 81, 110, 126, 127, 128].map(
    (size) => padding.pad(opus(size)).length,
  );

  expect(new Set(sizes)).toEqual(new Set([128]));
});

test('what is larger comes in steps, and the next is as before', () => {
  const padding = varying();

  const sizes = [90, 129, 150, 90].map((size) => padding.pad(opus(size)).length);

  expect(sizes).toEqual([128, 192, 192, 128]);
});

test.each([1, 2, 3, 20, 79, 90, 125, 126, 127, 128, 500])(
  'of %i bytes with padding the same frames come out',
  (size) => {
    for (const code of [0, 1]) {
      const padding = varying();
      // Two equal frames are of an even number of bytes.
      const packet = opus(code === 1 && size % 2 === 0 ? size + 1 : size, code);

      expect(parse(padding.pad(packet))).toEqual(parse(packet));
    }
  },
);

test('long padding is told in several bytes', () => {
  for (let size = 1; size < 1_200; size++) {
    const padding = varying();
    const packet = opus(size);

    expect(parse(padding.pad(packet))).toEqual(parse(packet));
  }
});

test('packets packed otherwise, and none, stay as they are', () => {
  const padding = varying();

  for (const packet of [opus(50, 2), opus(50, 3), new Uint8Array()]) {
    expect(padding.pad(packet)).toBe(packet);
  }
});

/** Of a sender whose packets differ in size. */
function varying(): OpusPadding {
  const padding = new OpusPadding();
  for (let count = 0; count < 2; count++) padding.pad(opus(95));
  return padding;
}

/** A packet whose frames have something in them, packed by a code (RFC 6716 §3.1). */
function opus(size: number, code = 0): Uint8Array<ArrayBuffer> {
  const packet = Uint8Array.from({ length: size }, (_, at) => (at * 7) % 251);
  packet[0] = 0x78 | code;
  return packet;
}

/** The configuration and the frames of a packet (RFC 6716 §3.2). */
function parse(packet: Uint8Array): { configuration: number; frames: number[][] } {
  const [header = 0, counts = 0] = packet;
  const configuration = header >> 2;
  const bytes = [...packet];
  const split = (data: number[], count: number): number[][] => {
    expect(data.length % count).toBe(0);
    const each = data.length / count;
    return Array.from({ length: count }, (_, at) => data.slice(at * each, (at + 1) * each));
  };
  if ((header & 3) < 2) return { configuration, frames: split(bytes.slice(1), (header & 3) + 1) };
  expect(header & 3).toBe(3);
  let [at, padding] = [2, 0];
  if ((counts & 0x40) !== 0) {
    for (;;) {
      const length = bytes[at++] ?? NaN;
      padding += length === 255 ? 254 : length;
      if (length !== 255) break;
    }
  }
  const data = bytes.slice(at, bytes.length - padding);
  expect(bytes.slice(bytes.length - padding).every((byte) => byte === 0)).toBe(true);
  return { configuration, frames: split(data, counts & 0x3f) };
}
