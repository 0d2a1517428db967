import type { ErrorCode } from './signaling/protocol/ErrorCode';

/** What went wrong, for programs. The server's codes, and the client's own. */
export type QuietroomErrorCode = ErrorCode | ClientErrorCode;

/** What can go wrong without the server saying so. */
export type ClientErrorCode =
  | 'unsupported-browser'
  | 'insecure-context'
  | 'invalid-state'
  | 'left'
  | 'signaling-unreachable'
  | 'signaling-closed'
  | 'protocol-violation'
  | 'join-timeout'
  | 'media-unreachable'
  | 'relay-refused'
  | 'encryption-failed'
  | 'token-unavailable'
  | 'encryption-pending'
  | 'not-connected'
  | 'text-too-long'
  | 'sender-mismatch'
  | 'role-mismatch'
  | 'key-changed'
  | 'microphone-refused'
  | 'microphone-missing'
  | 'microphone-busy'
  | 'camera-refused'
  | 'camera-missing'
  | 'camera-busy'
  | 'screen-unsupported'
  | 'screen-refused'
  | 'screen-failed';

/** An error with a stable code, a sentence for a person, and what that person can do. */
export class QuietroomError extends Error {
  /** Always this. */
  override readonly name = 'QuietroomError';
  /** For programs; it stays as it is from version to version. */
  readonly code: QuietroomErrorCode;
  /** What a person can do about it, as a sentence. */
  readonly mend: string;

  /** `detail` is for a developer's console and never shown. */
  constructor(code: QuietroomErrorCode, detail?: unknown) {
    const [message, mend] = SENTENCES[code];
    super(message, detail === undefined ? undefined : { cause: detail });
    this.code = code;
    this.mend = mend;
  }
}

/** `reason` as a {@link QuietroomError}; anything else than one becomes `code` with it as cause. */
export function toQuietroomError(reason: unknown, code: QuietroomErrorCode): QuietroomError {
  return reason instanceof QuietroomError ? reason : new QuietroomError(code, reason);
}

const NEW_LINK = 'Ask for a new link.';
const TRY_AGAIN = 'Check your connection and join again.';

/** In English: what went wrong, and what a person can do about it. @internal */
export const SENTENCES: Record<QuietroomErrorCode, readonly [message: string, mend: string]> = {
  'invalid-token': ['This link does not open the room.', NEW_LINK],
  'token-expired': ['This link has expired.', NEW_LINK],
  'token-not-yet-valid': [
    'This link is not valid yet.',
    'Join again when the session is about to begin.',
  ],
  'proof-required': ['This link works only in the browser that asked for it.', NEW_LINK],
  'invalid-proof': ['This link works only in the browser that asked for it.', NEW_LINK],
  'token-reused': ['This link was used in another browser.', NEW_LINK],
  'token-revoked': ['This link opens the room no more.', 'Ask the clinic.'],
  'multi-factor-required': [
    'This room asks for a sign-in with a second factor.',
    'Sign in again with it, then join.',
  ],
  'token-unavailable': [
    'The clinic’s site did not let this browser in.',
    'Sign in there again, then join.',
  ],
  'keys-unavailable': ['The server cannot check links at the moment.', 'Join again in a minute.'],
  'room-locked': ['The room is locked.', 'Ask the host to unlock it.'],
  'second-device': ['You are in the room on another device.', 'Leave there first.'],
  'joined-elsewhere': ['You have come in on another device.', 'Go on there, or join again here.'],
  'session-not-open': [
    'The session has not begun.',
    'Join again when the session is about to begin.',
  ],
  'session-ended': ['The session is over.', 'You can close this page.'],
  refused: ['You were not let in.', 'Ask the clinic, or join again later.'],
  removed: ['You were sent out of the room.', 'Ask the clinic.'],
  inactive: ['You were logged off, as nobody seemed to be there.', 'Join again.'],
  'not-allowed': ['You may not do this in this room.', 'Ask the host.'],
  'not-admitted': ['You have not been let in yet.', 'Wait until the host lets you in.'],
  'unknown-participant': ['This person is not here.', 'Look at the list of people again.'],
  'consent-mismatch': ['The text to accept has changed.', 'Join again, and read it anew.'],
  'room-full': ['The room is full.', 'Join again when somebody has left.'],
  'screens-full': ['Another screen is being shared.', 'Share yours when the other one has ended.'],
  'server-full': ['The server is full.', 'Join again later.'],
  'rate-limited': ['Too much was tried at once.', 'Wait a minute, then join again.'],
  'invalid-message': [
    'The server did not understand this page.',
    'Reload the page; page and server may be of different versions.',
  ],
  'message-too-large': [
    'The server refused a message of this page as too large.',
    'Reload the page; page and server may be of different versions.',
  ],
  'invalid-offer': [
    'The server cannot work with what this browser offers.',
    'Update the browser or use another one.',
  ],
  'media-disconnected': ['Sound and picture were lost.', TRY_AGAIN],
  'resume-refused': ['The connection to the server was lost.', TRY_AGAIN],
  'shutting-down': ['The server is being restarted.', 'Join again in a minute.'],
  internal: ['The server failed.', 'Join again in a moment.'],
  'unsupported-browser': [
    'This browser cannot protect the session.',
    'Use a current Chrome, Edge, Firefox or Safari.',
  ],
  'insecure-context': [
    'The browser allows sessions on secure pages only.',
    'Open the page with https://.',
  ],
  'invalid-state': ['This room was already joined.', 'Make a new Room for every stay.'],
  left: ['The room was left before it was entered.', 'Join again.'],
  'signaling-unreachable': ['The server cannot be reached.', TRY_AGAIN],
  'signaling-closed': ['The connection to the server was lost.', TRY_AGAIN],
  'protocol-violation': [
    'This page did not understand the server.',
    'Reload the page; page and server may be of different versions.',
  ],
  'join-timeout': ['The server did not answer in time.', TRY_AGAIN],
  'media-unreachable': [
    'Sound and picture cannot get through.',
    'Another network may help: some block video calls.',
  ],
  'relay-refused': [
    'Sound and picture cannot get through: the relay that this network needs has refused.',
    'Join again; if that does not help, use another network, and tell the clinic.',
  ],
  'encryption-required': [
    'This page is too old for the room: it cannot encrypt the session.',
    'Reload the page; page and server may be of different versions.',
  ],
  'invalid-group-message': [
    'The server refused a message of this page about encryption.',
    'If something does not work, leave and join again.',
  ],
  'not-connected': [
    'The connection was interrupted, so what you did last was not sent.',
    'Do it again once you are connected.',
  ],
  'encryption-pending': ['The room is not protected yet.', 'Try again in a moment.'],
  'text-too-long': ['The text is too long.', 'Send it in parts.'],
  'sender-mismatch': [
    'A picture or a voice was not of the person whom the server named, and was hidden.',
    'If it does not end, leave the room and tell the clinic.',
  ],
  'role-mismatch': [
    'Somebody says to have another role than the server says.',
    'Ask who it is, and tell the clinic.',
  ],
  'key-changed': [
    'Somebody’s key has changed, so that it may be somebody else now.',
    'Compare the safety code again, or leave the room and tell the clinic.',
  ],
  'encryption-failed': [
    'The part of the page that protects the session failed.',
    'Reload the page.',
  ],
  'microphone-refused': [
    'The browser may not use the microphone.',
    'Allow it in the browser’s address bar, then turn the microphone on.',
  ],
  'microphone-missing': ['No microphone was found.', 'Plug one in, then turn the microphone on.'],
  'microphone-busy': [
    'The microphone cannot be opened.',
    'Close other programs that use it, then turn the microphone on.',
  ],
  'camera-refused': [
    'The browser may not use the camera.',
    'Allow it in the browser’s address bar, then turn the camera on.',
  ],
  'camera-missing': ['No camera was found.', 'Plug one in, then turn the camera on.'],
  'camera-busy': [
    'The camera cannot be opened.',
    'Close other programs that use it, then turn the camera on.',
  ],
  'screen-unsupported': [
    'This browser cannot share a screen.',
    'Use Chrome, Edge, Firefox or Safari on a computer.',
  ],
  'screen-refused': [
    'No screen was shared.',
    'To share one, choose it when the browser asks; the computer’s settings may have to allow it.',
  ],
  'screen-failed': ['The screen cannot be shared.', 'Try again, or share a window instead.'],
};
