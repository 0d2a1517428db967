import { sha256 } from '@noble/hashes/sha2.js';
import type { Role } from '../signaling/protocol/Role';
import { toBase64url } from './worker/mls/base64url';
import type { Credential } from './worker/mls/credential';

/** An id and what it was made with, for `join`. */
export interface ParticipantName {
  readonly participantId: string;
  readonly participantSalt: string;
}

/**
 * Who this client is to the group: what its token says, under an id that is
 * new for each stay. The token is checked by the server and not here; of one
 * that cannot be read the server says so when it is shown to it.
 */
export function createCredential(token: string): {
  readonly credential: Credential;
  readonly name: ParticipantName;
} {
  const { room, role, sub, cnf, jti } = readClaims(token);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const participantId = participantIdOf(salt, owner(cnf, jti));
  const credential = {
    participantId,
    room: typeof room === 'string' ? room : '',
    role: typeof role === 'string' ? (role as Role) : 'client',
    ...(typeof sub === 'string' ? { sub } : {}),
  };
  return { credential, name: { participantId, participantSalt: toBase64url(salt) } };
}

/**
 * The server takes no other id from the bearer of a token, so that nobody comes
 * back as somebody else: the first 64 bits of a hash over whose it is.
 */
export function participantIdOf(salt: Uint8Array, owner: string): string {
  const encoder = new TextEncoder();
  const parts = [encoder.encode(LABEL), salt, encoder.encode(owner)];
  const hash = sha256.create();
  for (const part of parts) hash.update(part);
  const first = hash.digest().subarray(0, 8);
  return Array.from(first, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * How long a token that was just given is good for, in ms. The clinic's clock
 * gives both ends where it says when it signed: this computer's may be wrong.
 */
export function lifetime(token: string): number {
  const { exp, iat } = readClaims(token);
  if (typeof exp !== 'number') return Infinity;
  return exp * 1000 - (typeof iat === 'number' ? iat * 1000 : Date.now());
}

/** Whether two tokens say the same of the same person: all that the group was told. */
export function isSamePerson(one: string, other: string): boolean {
  const [a, b] = [readClaims(one), readClaims(other)];
  return (
    a['room'] === b['room'] &&
    a['role'] === b['role'] &&
    a['sub'] === b['sub'] &&
    owner(a['cnf'], a['jti']) === owner(b['cnf'], b['jti'])
  );
}

function owner(cnf: unknown, jti: unknown): string {
  const { jkt } = typeof cnf === 'object' && cnf !== null ? (cnf as { jkt?: unknown }) : {};
  if (typeof jkt === 'string') return `jkt ${jkt}`;
  return `jti ${typeof jti === 'string' ? jti : ''}`;
}

function readClaims(token: string): Record<string, unknown> {
  const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
  try {
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const LABEL = 'Quietroom 1.0 Participant';
