import { QuietroomError } from '../error';
import type { ServerMessage } from '../signaling/protocol/ServerMessage';
import type { Encryption } from './encryption';
import type { LocalMedia } from './local-media';
import type { MediaConnection } from './media-connection';
import type { People } from './people';
import type { SessionRules } from './session-rules';

export type JoinedMessage = Extract<ServerMessage, { type: 'joined' }>;

export type DoorMessage = Extract<ServerMessage, { type: 'consent-required' | 'waiting' }>;

/** What the server says of the stay itself. */
export interface StayHandlers {
  handleJoined(message: JoinedMessage): void;
  /** Something is to be done or awaited before this client is let in. */
  handleAtDoor(message: DoorMessage): void;
  /** The server ended the stay. */
  handleLost(error: QuietroomError): void;
  /** The server refused something; the stay goes on. */
  handleError(error: QuietroomError): void;
  /** The server broke the protocol. */
  handleViolation(reason: unknown): void;
}

/** Those that the server's messages are for. */
export interface Receivers {
  readonly stay: StayHandlers;
  readonly media: MediaConnection;
  readonly encryption: Encryption;
  readonly localMedia: LocalMedia;
  readonly people: People;
  readonly rules: SessionRules;
}

/** Hands a message of the server to whom it is for. */
export function dispatch(message: ServerMessage, to: Receivers): void {
  switch (message.type) {
    case 'joined':
      to.stay.handleJoined(message);
      break;
    case 'challenge':
    case 'resumed':
    case 'ack':
      break; // The connection's own.
    case 'network-test':
      break; // The answer to what a stay never asks.
    case 'consent-required':
      to.stay.handleAtDoor(message);
      break;
    case 'waiting':
      to.stay.handleAtDoor(message);
      to.encryption.handleDoorMessage(message);
      break;
    case 'waiting-message':
      to.encryption.handleDoorMessage(message);
      break;
    case 'waiting-list':
      to.rules.handle(message);
      to.encryption.handleDoorMessage(message);
      break;
    case 'permissions':
      to.rules.handle(message);
      if (to.rules.permissions.has('admit')) to.encryption.openDoor();
      break;
    case 'hosting':
    case 'locked':
    case 'asked':
    case 'share-stopped':
    case 'session-ending':
    case 'inactivity-warning':
      to.rules.handle(message);
      break;
    case 'muted':
      if (message.source === 'microphone' || message.source === 'camera') {
        to.localMedia.handleMuted(message.source);
      }
      to.rules.handle(message);
      break;
    case 'answer':
    case 'ice-servers':
    case 'audio-codecs':
    case 'video-codecs':
    case 'watched':
      to.media.handle(message);
      break;
    case 'participant-joined':
    case 'participant-updated':
    case 'participant-left':
      if (to.people.handlePresence(message)) to.encryption.announceConnected();
      break;
    case 'quality':
    case 'speakers':
    case 'paused':
    case 'unpaused':
    case 'audio-only':
      to.people.handleState(message);
      break;
    case 'mls-create':
    case 'mls-key-package':
    case 'mls-key-package-wanted':
    case 'mls-welcome':
    case 'mls-commit':
    case 'mls-accepted':
    case 'mls-refused':
    case 'mls-message':
    case 'mls-group-info':
      to.encryption.handleServerMessage(message);
      break;
    case 'slots':
    case 'screens':
      try {
        handleAssignments(message, to);
      } catch (reason) {
        to.stay.handleViolation(reason);
      }
      break;
    case 'error': {
      const error = new QuietroomError(message.code, message.message);
      if (message.fatal) to.stay.handleLost(error);
      else if (message.code === 'screens-full') to.localMedia.screen.handleRefused(error);
      else to.stay.handleError(error);
      break;
    }
  }
}

/** Throws a `RangeError` for a slot that was never offered. */
function handleAssignments({ type, assignments }: AssignmentsMessage, to: Receivers): void {
  if (type === 'slots') {
    to.people.handleSlots(assignments);
    return;
  }
  const isOwnShared = to.people.handleScreens(assignments);
  if (isOwnShared === true) to.localMedia.screen.handleGranted();
  else if (isOwnShared === false) to.localMedia.screen.handleRevoked();
}

type AssignmentsMessage = Extract<ServerMessage, { type: 'slots' | 'screens' }>;
