/** What members tell one another inside the group; the server sees none of it. */
export type ApplicationMessage =
  | {
      /** Who the sender is; the last one holds. Sent again when somebody comes in. */
      readonly type: 'profile';
      /** As the person wants to be called; empty if it said nothing. */
      readonly name: string;
      readonly handRaised: boolean;
    }
  | {
      readonly type: 'chat';
      readonly text: string;
    }
  | {
      readonly type: 'reaction';
      /** One emoji. */
      readonly reaction: string;
    }
  | {
      /** For those who lead the session; the last one holds. Other members are sent it sealed only. */
      readonly type: 'emergency';
      /** Where the sender is. */
      readonly place: string;
      /** Whom to call for the sender. */
      readonly contact: string;
    }
  | {
      /** An `emergency`, sealed to those who lead the session, in base64url. */
      readonly type: 'sealed-emergency';
      readonly sealed: string;
    }
  | {
      /** From somebody who leads the session: what others seal to, in base64url. */
      readonly type: 'sealing-key';
      readonly key: string;
    }
  | {
      /** Whoever sends this may have missed what others say to newcomers: it is to be said again. */
      readonly type: 'say-again';
    };

/** What a person says, as the page has it. */
export type PersonMessage = Exclude<
  ApplicationMessage,
  { type: 'sealed-emergency' | 'sealing-key' | 'say-again' }
>;

/** Throws a `RangeError` when a text is longer than members take. */
export function encodeApplicationMessage(message: ApplicationMessage): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(message));
  if (decodeApplicationMessage(bytes) === undefined) throw new RangeError('the text is too long');
  return bytes;
}

/**
 * What a member sent; `undefined` if it is of no type that this version knows
 * or breaks a limit. Members may be hostile: nothing else passes.
 */
export function decodeApplicationMessage(bytes: Uint8Array): ApplicationMessage | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof message !== 'object' || message === null) return undefined;
  const fields = message as Record<string, unknown>;
  switch (fields['type']) {
    case 'profile': {
      const { name, handRaised } = fields;
      if (!isText(name, MAX_NAME_LENGTH) || typeof handRaised !== 'boolean') return undefined;
      return { type: 'profile', name, handRaised };
    }
    case 'chat': {
      const { text } = fields;
      return isText(text, MAX_CHAT_LENGTH) ? { type: 'chat', text } : undefined;
    }
    case 'reaction': {
      const { reaction } = fields;
      return isText(reaction, MAX_REACTION_LENGTH) ? { type: 'reaction', reaction } : undefined;
    }
    case 'emergency': {
      const { place, contact } = fields;
      if (!isText(place, MAX_EMERGENCY_LENGTH) || !isText(contact, MAX_EMERGENCY_LENGTH)) {
        return undefined;
      }
      return { type: 'emergency', place, contact };
    }
    case 'sealed-emergency': {
      const { sealed } = fields;
      return isText(sealed, MAX_SEALED_LENGTH) ? { type: 'sealed-emergency', sealed } : undefined;
    }
    case 'sealing-key': {
      const { key } = fields;
      return isText(key, MAX_KEY_LENGTH) ? { type: 'sealing-key', key } : undefined;
    }
    case 'say-again':
      return { type: 'say-again' };
    default:
      return undefined;
  }
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength;
}

// In UTF-16 code units. An emoji of a family with skin tones takes up to 30.
export const MAX_NAME_LENGTH = 80;
export const MAX_CHAT_LENGTH = 4000;
const MAX_REACTION_LENGTH = 32;
const MAX_EMERGENCY_LENGTH = 200;

/** An emergency of control characters, for as many as are sealed to, has 5,000. */
const MAX_SEALED_LENGTH = 8_192;

/** X25519's have 43. */
const MAX_KEY_LENGTH = 128;

/**
 * A chat in any script that has no control characters, which take six bytes
 * each. Encrypted and in base64url the server takes it too.
 */
export const MAX_BYTES = 16 * 1024;
