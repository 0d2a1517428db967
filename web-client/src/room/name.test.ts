import { expect, test } from 'vitest';
import { nameKey, shownName } from './name';

test.each([
  ['Dr. Ben O’Neil', 'Dr. Ben O’Neil'],
  ['José María', 'José María'],
  ['👩‍👩‍👧 Ann', '👩‍👩‍👧 Ann'],
  ['می‌خواهم', 'می‌خواهم'],
])('%s stays as it is', (name, shown) => {
  expect(shownName(name)).toBe(shown);
});

test.each([
  ['what turns text around', '\u202enaoJ\u202c \u2066x\u2069', 'naoJ x'],
  ['zero width', 'A\u200bn\ufeffn\u2060', 'Ann'],
  ['control characters and lines', 'Ann\u0000\n\u2028  Lee\t', 'Ann Lee'],
  ['lone surrogates and private characters', 'A\ud800nn\ue000', 'Ann'],
  ['piles of marks', `A${'\u0301'.repeat(50)}nn`, `A${'\u0301'.repeat(4)}nn`],
  ['nothing to be seen', ' \u200b\u202e ', ''],
])('%s is taken out', (_, name, shown) => {
  expect(shownName(name)).toBe(shown);
});

test('names that look alike have one key', () => {
  expect(nameKey('dr. ann\u200d LEE')).toBe(nameKey('Dr.  Ａnn Lee'));
  expect(nameKey('Ann')).not.toBe(nameKey('Anna'));
});
