import { expect, test } from 'vitest';
import { tokenFromFragment } from './token';

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
