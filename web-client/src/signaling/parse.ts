import type { AudioCodec } from './protocol/AudioCodec';
import type { ErrorCode } from './protocol/ErrorCode';
import type { IceServer } from './protocol/IceServer';
import type { Participant } from './protocol/Participant';
import type { Permission } from './protocol/Permission';
import type { PublicationSource } from './protocol/PublicationSource';
import type { QualityCause } from './protocol/QualityCause';
import type { QualityLevel } from './protocol/QualityLevel';
import type { Resumption } from './protocol/Resumption';
import type { Role } from './protocol/Role';
import type { ServerMessage } from './protocol/ServerMessage';
import type { SlotAssignment } from './protocol/SlotAssignment';
import type { VideoCodec } from './protocol/VideoCodec';
import type { WaitingPerson } from './protocol/WaitingPerson';

/**
 * The server's message in a frame's `data`, or `undefined` if it is of a type
 * that only a newer client knows.
 *
 * Throws a `TypeError` that names the field when it is not of the protocol.
 */
export function parseServerMessage(data: unknown): ServerMessage | undefined {
  if (typeof data !== 'string') throw new TypeError('a message is not text');
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    throw new TypeError('a message is not JSON');
  }
  const message = record(json, 'message');
  const type = text(message['type'], 'type') as ServerMessage['type'];
  switch (type) {
    case 'joined':
      return {
        type: 'joined',
        participantId: text(message['participantId'], 'participantId'),
        role: role(message['role']),
        participants: list(message['participants'], 'participants').map(participant),
        slots: count(message['slots'], 'slots', MAX_SLOTS),
        // A server of before screens could be shared does not say.
        screenSlots: count(message['screenSlots'] ?? 0, 'screenSlots', MAX_SLOTS),
        iceServers: list(message['iceServers'], 'iceServers').map(iceServer),
        ...(message['resume'] === undefined ? {} : { resume: resumption(message['resume']) }),
        permissions: permissions(message['permissions'] ?? []),
        locked: message['locked'] === true,
      };
    case 'network-test':
    case 'ice-servers':
      return { type, iceServers: list(message['iceServers'], 'iceServers').map(iceServer) };
    case 'challenge':
      return { type, nonce: text(message['nonce'], 'nonce') };
    case 'consent-required':
      return {
        type,
        version: text(message['version'], 'version'),
        text: text(message['text'], 'text'),
        hash: text(message['hash'], 'hash'),
      };
    case 'waiting':
      return {
        type,
        reason: message['reason'] === 'host-absent' ? 'host-absent' : 'admission',
        doorKeys: list(message['doorKeys'], 'doorKeys').map((key) => text(key, 'doorKeys')),
      };
    case 'waiting-message':
      return { type, message: text(message['message'], 'message') };
    case 'waiting-list':
      return { type, people: list(message['people'], 'people').map(waitingPerson) };
    case 'permissions':
      return { type, permissions: permissions(message['permissions']) };
    case 'hosting': {
      const participantId = message['participantId'] ?? null;
      return {
        type,
        participantId: participantId === null ? null : text(participantId, 'participantId'),
      };
    }
    case 'locked':
      return {
        type,
        locked: flag(message['locked'], 'locked'),
        by: text(message['by'], 'by'),
      };
    case 'muted':
    case 'asked':
      return { type, source: source(message['source']), by: text(message['by'], 'by') };
    case 'share-stopped':
      return { type, by: text(message['by'], 'by') };
    case 'session-ending':
    case 'inactivity-warning':
      return { type, seconds: count(message['seconds'], 'seconds', MAX_COUNT) };
    case 'resumed':
      return {
        type,
        received: count(message['received'], 'received', MAX_COUNT),
        secret: text(message['secret'], 'secret'),
      };
    case 'ack':
      return { type, received: count(message['received'], 'received', MAX_COUNT) };
    case 'answer':
      return { type: 'answer', sdp: text(message['sdp'], 'sdp') };
    case 'participant-joined':
      return { type: 'participant-joined', participant: participant(message['participant']) };
    case 'participant-updated':
      return { type: 'participant-updated', participant: participant(message['participant']) };
    case 'participant-left':
      return {
        type: 'participant-left',
        participantId: text(message['participantId'], 'participantId'),
      };
    case 'slots':
    case 'screens':
      return {
        type,
        assignments: list(message['assignments'], 'assignments').map(assignment),
      };
    case 'audio-codecs':
      return {
        type,
        // As of pictures below.
        codecs: list(message['codecs'], 'codecs').filter(isAudioCodec),
      };
    case 'video-codecs':
      return {
        type,
        // Another one is of a newer server, and none of ours.
        codecs: list(message['codecs'], 'codecs').filter(isVideoCodec),
      };
    case 'quality': {
      const level = text(message['level'], 'level');
      const cause = message['cause'];
      return {
        type,
        participantId: text(message['participantId'], 'participantId'),
        // A level or cause this version does not know is of a newer server.
        level: isQualityLevel(level) ? level : 'weak',
        ...(isQualityCause(cause) ? { cause } : {}),
      };
    }
    case 'speakers':
      return {
        type,
        participantIds: list(message['participantIds'], 'participantIds').map((id) =>
          text(id, 'participantIds'),
        ),
      };
    case 'paused':
    case 'unpaused': {
      const participantId = text(message['participantId'], 'participantId');
      const picture = { participantId, source: source(message['source']) };
      // Any other reason is of a newer server.
      return type === 'paused'
        ? { type, ...picture, reason: 'slow-connection' }
        : { type, ...picture };
    }
    case 'audio-only':
      return { type, audioOnly: flag(message['audioOnly'], 'audioOnly') };
    case 'watched': {
      const layer = message['layer'];
      return {
        type,
        source: source(message['source']),
        watched: flag(message['watched'], 'watched'),
        ...(layer !== undefined && { layer: count(layer, 'layer', MAX_LAYER) }),
      };
    }
    case 'mls-create':
    case 'mls-key-package-wanted':
      return { type };
    case 'mls-key-package':
      return {
        type,
        participantId: text(message['participantId'], 'participantId'),
        keyPackage: text(message['keyPackage'], 'keyPackage'),
      };
    case 'mls-welcome':
      return { type, welcome: text(message['welcome'], 'welcome') };
    case 'mls-commit':
      return {
        type,
        epoch: count(message['epoch'], 'epoch', MAX_EPOCH),
        commit: text(message['commit'], 'commit'),
      };
    case 'mls-accepted':
    case 'mls-refused':
      return { type, epoch: count(message['epoch'], 'epoch', MAX_EPOCH) };
    case 'mls-message':
      return { type, message: text(message['message'], 'message') };
    case 'mls-group-info':
      return {
        type,
        epoch: count(message['epoch'], 'epoch', MAX_EPOCH),
        groupInfo: text(message['groupInfo'], 'groupInfo'),
      };
    case 'error':
      return {
        type: 'error',
        code: errorCode(message['code']),
        message: text(message['message'], 'message'),
        fatal: flag(message['fatal'], 'fatal'),
      };
    default:
      return undefined;
  }
}

function participant(value: unknown): Participant {
  const fields = record(value, 'participant');
  return {
    id: text(fields['id'], 'participant.id'),
    role: role(fields['role']),
    microphone: flag(fields['microphone'], 'participant.microphone'),
    camera: flag(fields['camera'], 'participant.camera'),
    ...(fields['cameraPaused'] === true && { cameraPaused: true }),
    reconnecting: fields['reconnecting'] === true,
    ...(typeof fields['consented'] === 'string' && { consented: fields['consented'] }),
  };
}

function waitingPerson(value: unknown): WaitingPerson {
  const fields = record(value, 'people');
  const sealedName = fields['sealedName'];
  return {
    id: text(fields['id'], 'people.id'),
    role: role(fields['role']),
    ...(sealedName === undefined ? {} : { sealedName: text(sealedName, 'people.sealedName') }),
  };
}

/** Those this version does not know are left out. */
function permissions(value: unknown): Permission[] {
  return list(value, 'permissions').filter(
    (name): name is Permission => typeof name === 'string' && name in PERMISSIONS,
  );
}

function source(value: unknown): PublicationSource {
  const name = text(value, 'source');
  if (!(name in SOURCES)) throw new TypeError('source is unknown');
  return name as PublicationSource;
}

function resumption(value: unknown): Resumption {
  const fields = record(value, 'resume');
  return {
    secret: text(fields['secret'], 'resume.secret'),
    seconds: count(fields['seconds'], 'resume.seconds', MAX_SECONDS),
  };
}

function isQualityLevel(value: unknown): value is QualityLevel {
  return value === 'good' || value === 'weak' || value === 'poor';
}

function isQualityCause(value: unknown): value is QualityCause {
  return (
    value === 'uplink-loss' ||
    value === 'downlink-loss' ||
    value === 'delay' ||
    value === 'slow-downlink' ||
    value === 'slow-uplink'
  );
}

function isAudioCodec(value: unknown): value is AudioCodec {
  return value === 'opus' || value === 'red';
}

function isVideoCodec(value: unknown): value is VideoCodec {
  return value === 'vp8' || value === 'vp9' || value === 'av1';
}

function assignment(value: unknown): SlotAssignment {
  const fields = record(value, 'assignment');
  const participantId = fields['participantId'];
  return {
    slot: count(fields['slot'], 'assignment.slot', MAX_SLOTS),
    participantId: participantId === null ? null : text(participantId, 'assignment.participantId'),
  };
}

function iceServer(value: unknown): IceServer {
  const fields = record(value, 'iceServer');
  return {
    urls: list(fields['urls'], 'iceServer.urls').map((url) => text(url, 'iceServer.urls')),
    username: text(fields['username'], 'iceServer.username'),
    credential: text(fields['credential'], 'iceServer.credential'),
  };
}

function role(value: unknown): Role {
  const name = text(value, 'role');
  if (!(name in ROLES)) throw new TypeError('role is unknown');
  return name as Role;
}

/** A code this version does not know still means that something failed. */
function errorCode(value: unknown): ErrorCode {
  const name = text(value, 'code');
  return name in ERROR_CODES ? (name as ErrorCode) : 'internal';
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`${field} is not an object`);
}

function list(value: unknown, field: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${field} is not a list`);
}

function text(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`${field} is not text`);
}

function flag(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${field} is not true or false`);
}

function count(value: unknown, field: string, limit: number): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= limit) {
    return value as number;
  }
  throw new TypeError(`${field} is not a number from 0 to ${limit}`);
}

// As the server counts.
const MAX_EPOCH = 2 ** 32 - 1;
const MAX_COUNT = 2 ** 32 - 1;
const MAX_SECONDS = 2 ** 16 - 1;

const MAX_LAYER = 2 ** 8 - 1;

/** Far above any room; a browser asked for more transceivers would hang. */
const MAX_SLOTS = 256;

const ROLES: Record<Role, true> = Object.assign(
  Object.create(null) as object,
  {
    host: true,
    'co-host': true,
    client: true,
    observer: true,
    interpreter: true,
  } as const,
);

const PERMISSIONS: Record<Permission, true> = Object.assign(
  Object.create(null) as object,
  {
    microphone: true,
    camera: true,
    screen: true,
    receive: true,
    chat: true,
    admit: true,
    mute: true,
    remove: true,
    lock: true,
    end: true,
  } as const,
);

const SOURCES: Record<PublicationSource, true> = Object.assign(
  Object.create(null) as object,
  { microphone: true, camera: true, screen: true, 'screen-audio': true } as const,
);

const ERROR_CODES: Record<ErrorCode, true> = Object.assign(
  Object.create(null) as object,
  {
    'invalid-token': true,
    'token-expired': true,
    'token-not-yet-valid': true,
    'proof-required': true,
    'invalid-proof': true,
    'token-reused': true,
    'token-revoked': true,
    'multi-factor-required': true,
    'keys-unavailable': true,
    'room-locked': true,
    'second-device': true,
    'joined-elsewhere': true,
    'session-not-open': true,
    'session-ended': true,
    refused: true,
    removed: true,
    inactive: true,
    'not-allowed': true,
    'not-admitted': true,
    'unknown-participant': true,
    'consent-mismatch': true,
    'room-full': true,
    'encryption-required': true,
    'invalid-group-message': true,
    'screens-full': true,
    'server-full': true,
    'rate-limited': true,
    'invalid-message': true,
    'message-too-large': true,
    'invalid-offer': true,
    'media-disconnected': true,
    'resume-refused': true,
    'shutting-down': true,
    internal: true,
  } as const,
);
