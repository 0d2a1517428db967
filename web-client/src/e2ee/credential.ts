import type { Role } from '../signaling/protocol/Role';
import type { Credential } from './worker/mls/credential';

/**
 * Who this client is to the group: what its token says, under an id that is
 * new for each stay. The token is checked by the server and not here; of one
 * that cannot be read the server says so when it is shown to it.
 */
export function createCredential(token: string): Credential {
  const { room, role, sub } = readClaims(token);
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  const participantId = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    participantId,
    room: typeof room === 'string' ? room : '',
    role: typeof role === 'string' ? (role as Role) : 'client',
    ...(typeof sub === 'string' ? { sub } : {}),
  };
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
