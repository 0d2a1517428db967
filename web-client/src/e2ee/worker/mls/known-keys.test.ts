import { expect, test } from 'vitest';
import { KnownKeys, MAX_KNOWN } from './known-keys';
import type { Person } from './mls';

test('an id keeps its first key', () => {
  const known = new KnownKeys();
  known.note(person('a', 1));
  known.note(person('a', 2));

  expect(known.allows(person('a', 1))).toBe(true);
  expect(known.allows(person('a', 2))).toBe(false);
  expect(known.allows(person('b', 2))).toBe(true);
});

test('whoever was there lately is known, however many come and go', () => {
  const known = new KnownKeys();
  known.note(person('stays', 1));
  for (let name = 0; name < 2 * MAX_KNOWN; name++) {
    known.note(person(`${name}`, 2));
    known.note(person('stays', 1));
  }

  expect(known.allows(person('stays', 2))).toBe(false);
  expect(known.allows(person('0', 1))).toBe(true);
});

function person(participantId: string, key: number): Person {
  return {
    credential: { participantId, room: 'room', role: 'client' },
    signatureKey: Uint8Array.of(key),
  };
}
