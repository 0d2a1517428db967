import { expect, test } from 'vitest';
import { decodeApplicationMessage, encodeApplicationMessage } from './application';
import { decodeCredential, encodeCredential } from './credential';

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

test.each([
  { type: 'profile', name: 'Dr. Müller 🙂', handRaised: true },
  { type: 'chat', text: 'ä'.repeat(4000) },
  { type: 'chat', text: '話'.repeat(4000) },
  { type: 'reaction', reaction: '👍' },
  { type: 'emergency', place: 'Mill Lane 5', contact: '' },
  { type: 'say-again' },
] as const)('a $type goes out and in unchanged', (message) => {
  expect(decodeApplicationMessage(encodeApplicationMessage(message))).toEqual(message);
});

test.each([
  ['another type', { type: 'command', text: 'x' }],
  ['a name that is none', { type: 'profile', name: 5, handRaised: false }],
  ['a name too long', { type: 'profile', name: 'x'.repeat(81), handRaised: false }],
  ['a hand that is neither up nor down', { type: 'profile', name: '', handRaised: 1 }],
  ['a text too long', { type: 'chat', text: 'x'.repeat(4001) }],
  ['a list', []],
  ['nothing', null],
  ['no JSON', '{'],
])('%s from a member is passed over', (_, value) => {
  expect(decodeApplicationMessage(bytes(value))).toBeUndefined();
});

test.each([
  ['x'.repeat(4001)],
  // Six bytes each.
  ['\u0001'.repeat(2731)],
  ['\ud800'.repeat(2731)],
])('a text too long is not sent', (text) => {
  expect(() => encodeApplicationMessage({ type: 'chat', text })).toThrow(RangeError);
});

test('a credential says what it was given, and no more', () => {
  const credential = {
    participantId: '0123456789abcdef',
    room: 'r',
    role: 'host',
    sub: 's',
  } as const;

  expect(decodeCredential(encodeCredential(credential))).toEqual(credential);
  expect(decodeCredential(bytes({ ...credential, admin: true }))).toEqual(credential);
});

test.each([
  ['an id of another form', { participantId: 'ABC' }],
  ['a role that is none', { role: 'admin' }],
  ['a room too long', { room: 'x'.repeat(129) }],
  ['a sub that is no text', { sub: 7 }],
])('a credential with %s is none', (_, change) => {
  const credential = { participantId: '0123456789abcdef', room: 'r', role: 'host' };

  expect(decodeCredential(bytes({ ...credential, ...change }))).toBeUndefined();
});
