import { expect, test } from 'vitest';
import { nameFromFragment, tokenFromFragment } from './token';

test.each([
  ['#token=abc.def-_', 'abc.def-_'],
  ['#other=1&token=abc', 'abc'],
  ['#token=', undefined],
  ['#', undefined],
  ['', undefined],
  ['#abc', undefined],
])('of %s it is %s', (fragment, token) => {
  expect(tokenFromFragment(fragment)).toBe(token);
});

test('a name may stand beside the token', () => {
  expect(nameFromFragment('#token=abc&name=Dr.%20M%C3%BCller')).toBe('Dr. Müller');
  expect(nameFromFragment('#token=abc')).toBeUndefined();
});
