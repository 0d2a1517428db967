import { expect, test } from 'vitest';
import { RemoteParticipant } from '../room/participant';
import type { Role } from '../signaling/protocol/Role';
import { english } from '../i18n/english';
import { participantName } from './names';

function person(id: string, name: string, role: Role = 'client'): RemoteParticipant {
  const devices = { microphone: true, camera: true, reconnecting: false };
  const one = new RemoteParticipant({ id, role, ...devices });
  one.handleMember(undefined, name, false);
  return one;
}

function shown(...people: RemoteParticipant[]): string[] {
  return people.map((one) => participantName(one, people, 'Kim', english));
}

test('a name that nobody else has is shown as it is', () => {
  expect(shown(person('a', 'Ann'), person('b', 'Ben'))).toEqual(['Ann', 'Ben']);
});

test('who gave no name is called by the role', () => {
  expect(shown(person('a', '', 'host'), person('b', 'Ben'))).toEqual(['Therapist', 'Ben']);
});

test.each([
  ['the own name', 'KIM'],
  ['the word for oneself', 'you'],
  ['the word for a role', 'Therapist'],
  ['the word for a role in another language', 'TERAPEUTA'],
])('%s is not taken for the one who has it', (_, name) => {
  expect(shown(person('a', name))).toEqual([`${name} (Participant)`]);
});

test('those of one name are told apart by the role that the server says', () => {
  const [host, client] = shown(person('a', 'Dr. B', 'host'), person('b', 'dr. b'));

  expect([host, client]).toEqual(['Dr. B (Therapist)', 'dr. b (Participant)']);
  const twins = shown(person('a', 'Ann'), person('b', 'Ann'));
  expect(new Set(twins).size).toBe(2);
});
