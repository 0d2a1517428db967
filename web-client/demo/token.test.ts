import { expect, test } from 'vitest';
import { parseFragment } from './token';

test.each([
  ['#token=abc.def-_', 'abc.def-_'],
  ['#other=1&token=abc', 'abc'],
  ['#token=', undefined],
  ['#', undefined],
  ['', undefined],
  ['#abc', undefined],
])('of %s the token is %s', (fragment, token) => {
  expect(parseFragment(fragment).token).toBe(token);
});

test('an invitation leads to this server and nowhere else', () => {
  expect(parseFragment('#invitation=a-_b').tokenUrl).toBe('/demo/token?invitation=a-_b');
  expect(parseFragment('#invitation=//evil.example/%26x').tokenUrl).toBe(
    '/demo/token?invitation=%2F%2Fevil.example%2F%26x',
  );
  expect(parseFragment('#token=abc').tokenUrl).toBeUndefined();
});

test('the green room can be left out, and a language chosen', () => {
  expect(parseFragment('#token=abc').skipGreenRoom).toBe(false);
  expect(parseFragment('#token=abc&green-room=skip').skipGreenRoom).toBe(true);
  expect(parseFragment('#token=abc').lang).toBeUndefined();
  expect(parseFragment('#token=abc&lang=es').lang).toBe('es');
});

test('a name may stand beside the token', () => {
  expect(parseFragment('#token=abc&name=Dr.%20M%C3%BCller').name).toBe('Dr. Müller');
  expect(parseFragment('#token=abc').name).toBeUndefined();
});
