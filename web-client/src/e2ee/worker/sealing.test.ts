import { expect, test } from 'vitest';
import { RefusedError } from './mls/mls';
import { loadTsMls } from './mls/ts-mls';
import {
  decodeTexts,
  encodeTexts,
  MAX_RECIPIENTS,
  openSealed,
  sealingInfo,
  sealToEach,
} from './sealing';

const INFO = sealingInfo('Test', 'room', 'ann');
const CONTENT = encodeTexts('Zoë', '');

test('each of those it is sealed to opens it, and nobody else', async () => {
  const mls = await loadTsMls();
  const [ada, dan, eve] = [
    await mls.createSealingKey(),
    await mls.createSealingKey(),
    await mls.createSealingKey(),
  ];

  const sealed = await sealToEach(mls, [ada.publicKey, dan.publicKey], INFO, CONTENT);

  for (const key of [ada, dan]) expect(await openSealed(key, sealed, INFO)).toEqual(CONTENT);
  await expect(openSealed(eve, sealed, INFO)).rejects.toThrow(RefusedError);
  expect(String.fromCharCode(...sealed)).not.toContain('Zo');
});

test('it opens where it belongs only, and unchanged', async () => {
  const mls = await loadTsMls();
  const key = await mls.createSealingKey();
  const sealed = await sealToEach(mls, [key.publicKey], INFO, CONTENT);

  for (const info of [
    sealingInfo('Test', 'room', 'ben'),
    sealingInfo('Test', 'roo', 'mann'),
    sealingInfo('Other', 'room', 'ann'),
  ]) {
    await expect(openSealed(key, sealed, info)).rejects.toThrow(RefusedError);
  }
  for (let position = 0; position < sealed.length; position += 7) {
    const changed = sealed.map((byte, index) => (index === position ? byte ^ 1 : byte));
    await expect(openSealed(key, changed, INFO), String(position)).rejects.toThrow(RefusedError);
  }
  for (const length of [0, 1, 2, 81, 82, sealed.length - 1]) {
    await expect(openSealed(key, sealed.slice(0, length), INFO)).rejects.toThrow(RefusedError);
  }
});

test('keys that are none are left out, and so are too many', async () => {
  const mls = await loadTsMls();
  const key = await mls.createSealingKey();
  const many = await Promise.all(
    Array.from({ length: MAX_RECIPIENTS + 2 }, () => mls.createSealingKey()),
  );

  const few = await sealToEach(mls, [Uint8Array.of(1, 2), key.publicKey], INFO, CONTENT);
  const full = await sealToEach(
    mls,
    many.map(({ publicKey }) => publicKey),
    INFO,
    CONTENT,
  );

  expect(await openSealed(key, few, INFO)).toEqual(CONTENT);
  expect(await openSealed(many[MAX_RECIPIENTS - 1]!, full, INFO)).toEqual(CONTENT);
  await expect(openSealed(many[MAX_RECIPIENTS]!, full, INFO)).rejects.toThrow(RefusedError);
});

test('texts of any length up to a bound look alike', () => {
  const lengths = ['', 'Ann', 'ж'.repeat(80)].map((name) => encodeTexts(name, 'key').length);
  expect(new Set(lengths).size).toBe(1);
  expect(decodeTexts(encodeTexts('Zoë', '', 'x'), 3)).toEqual(['Zoë', '', 'x']);
});

test('what are no texts is refused', () => {
  for (const bytes of [[], [0], [0, 5, 65], [0xff, 0xff], [0, 1, 0xff]]) {
    expect(() => decodeTexts(Uint8Array.from(bytes), 1)).toThrow(RefusedError);
  }
});
