import { expect, test } from 'vitest';
import { createCredential, participantIdOf } from './credential';

test('an id is of one key or one token, as the server computes it', () => {
  const salt = new Uint8Array(16).fill(7);
  expect(participantIdOf(salt, 'jti t')).toBe('d4d004a080f3b34a');
  const jkt = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE';
  expect(participantIdOf(salt, `jkt ${jkt}`)).toBe('2b4cf8873d00dea8');
});

test('each stay has an id of its own, which follows from its salt', () => {
  const claims = { room: 'r', role: 'host', sub: 's', jti: 't', cnf: { jkt: 'k' } };
  const token = `x.${btoa(JSON.stringify(claims))}.y`;

  const [first, second] = [createCredential(token), createCredential(token)];

  expect(first.credential).toMatchObject({ room: 'r', role: 'host', sub: 's' });
  expect(first.credential.participantId).not.toBe(second.credential.participantId);
  const { participantId, participantSalt } = first.name;
  expect(participantId).toBe(first.credential.participantId);
  const text = atob(participantSalt.replace(/-/g, '+').replace(/_/g, '/'));
  const salt = Uint8Array.from(text, (character) => character.charCodeAt(0));
  expect(participantIdOf(salt, 'jkt k')).toBe(participantId);
});
