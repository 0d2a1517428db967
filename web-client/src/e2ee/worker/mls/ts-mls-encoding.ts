import {
  createGroupInfoWithExternalPubAndRatchetTree,
  decodeMlsMessage,
  encodeMlsMessage,
  type CiphersuiteImpl,
  type ClientState,
  type KeyPackage,
  type MLSMessage,
} from 'ts-mls';
import { RefusedError } from './mls';

/** As {@link decode}, for what must be a key package. */
export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const message = decode(bytes);
  if (message.wireformat !== 'mls_key_package') throw new RefusedError('not a key package');
  return message.keyPackage;
}

export function encode(message: MLSMessage): Uint8Array {
  return encodeMlsMessage(message);
}

/** Throws a {@link RefusedError} unless `bytes` are one message and nothing more. */
export function decode(bytes: Uint8Array): MLSMessage {
  const [message, length] = decodeMlsMessage(bytes, 0) ?? [];
  if (message === undefined || length !== bytes.length) {
    throw new RefusedError('not an MLS message');
  }
  return message;
}

export async function encodeGroupInfo(
  state: ClientState,
  suite: CiphersuiteImpl,
): Promise<Uint8Array> {
  const groupInfo = await createGroupInfoWithExternalPubAndRatchetTree(state, [], suite);
  return encode({ version: 'mls10', wireformat: 'mls_group_info', groupInfo });
}

/** Whatever the library throws at what came from the network is a refusal. */
export async function refusing<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw new RefusedError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
