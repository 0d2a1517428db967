import { expect, test } from 'vitest';
import { signalingAddress } from './address';

test.each([
  ['https://clinic.example/rooms/#token=x', undefined, 'wss://clinic.example/v1/signal'],
  ['http://localhost:8080/', undefined, 'ws://localhost:8080/v1/signal'],
  ['https://clinic.example/', 'https://media.example/v1/signal', 'wss://media.example/v1/signal'],
  ['https://clinic.example/', 'ws://localhost:1/x', 'ws://localhost:1/x'],
  ['https://clinic.example/a/', 'b', 'wss://clinic.example/a/b'],
])('on %s, %s is %s', (page, url, expected) => {
  expect(signalingAddress(page, url).href).toBe(expected);
});

test('another scheme is refused', () => {
  expect(() => signalingAddress('https://clinic.example/', 'mailto:a@b')).toThrow('mailto:');
});
