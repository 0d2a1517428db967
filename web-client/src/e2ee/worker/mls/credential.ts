import type { Role } from '../../../signaling/protocol/Role';

/** What a member says of itself, under its signature. */
export interface Credential {
  /** The id that signaling knows the member by, chosen anew for each stay. */
  readonly participantId: string;
  /** The room that the member's token names. */
  readonly room: string;
  readonly role: Role;
  /** The clinic's opaque id of the person. */
  readonly sub?: string;
}

export function encodeCredential(credential: Credential): Uint8Array {
  const { participantId, room, role, sub } = credential;
  return new TextEncoder().encode(JSON.stringify({ participantId, room, role, sub }));
}

/** `undefined` if it is not a credential of ours. */
export function decodeCredential(bytes: Uint8Array): Credential | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { participantId, room, role, sub } = fields as Record<string, unknown>;
  if (typeof participantId !== 'string' || !PARTICIPANT_ID.test(participantId)) return undefined;
  if (typeof room !== 'string' || room.length > MAX_ID_LENGTH) return undefined;
  if (typeof role !== 'string' || !ROLES.has(role)) return undefined;
  if (sub === undefined) return { participantId, room, role: role as Role };
  if (typeof sub !== 'string' || sub.length > MAX_ID_LENGTH) return undefined;
  return { participantId, room, role: role as Role, sub };
}

export function equalCredentials(a: Credential, b: Credential): boolean {
  return (
    a.participantId === b.participantId && a.room === b.room && a.role === b.role && a.sub === b.sub
  );
}

const PARTICIPANT_ID = /^[0-9a-f]{16}$/;

/** As for the claims of a token. */
const MAX_ID_LENGTH = 128;

const MAX_BYTES = 2048;

const ROLES: ReadonlySet<string> = new Set<Role>([
  'host',
  'co-host',
  'client',
  'observer',
  'interpreter',
]);
