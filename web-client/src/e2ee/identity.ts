import { browserEnvironment, type Environment } from '../browser/environment';
import { QuietroomError } from '../error';
import type { JoinProof } from '../signaling/protocol/JoinProof';
import type { ProofPurpose, WorkerReport, WorkerRequest } from './messages';
import type { TransformWorker } from './transforms';

/** How an identity is made. */
export interface IdentityOptions {
  /** As in {@link RoomOptions}. */
  readonly workerUrl?: string | URL | undefined;
}

/**
 * A key that signs for this browser, for one stay. A token that names its
 * thumbprint (`cnf.jkt`, RFC 7800) is of use to this browser only: the private
 * half never leaves the worker.
 */
export class Identity {
  /** The SHA-256 thumbprint of the public half (RFC 7638), in base64url. */
  readonly thumbprint: string;
  #worker: TransformWorker | undefined;

  /** @internal */
  constructor(thumbprint: string, worker: TransformWorker) {
    this.thumbprint = thumbprint;
    this.#worker = worker;
  }

  /** The worker that has the key, for one stay. Throws `invalid-state` the second time. @internal */
  take(): TransformWorker {
    const worker = this.#worker;
    if (worker === undefined) throw new QuietroomError('invalid-state', 'the identity was used');
    this.#worker = undefined;
    return worker;
  }

  /**
   * That whoever sends `token`, which names `room`, has this key; `nonce` is the
   * server's. Rejects with `invalid-state` when a stay has it. @internal
   */
  prove(purpose: ProofPurpose, nonce: string, room: string, token: string): Promise<JoinProof> {
    const worker = this.#worker;
    if (worker === undefined) {
      return Promise.reject(new QuietroomError('invalid-state', 'the identity was used'));
    }
    return proof(worker, { type: 'prove-join', purpose, nonce, room, token });
  }

  /** Forgets the key, unless a stay has it. Idempotent. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** Makes an identity for {@link Room.join}; rejects with `encryption-failed`. */
export async function createIdentity(
  options: IdentityOptions = {},
  environment: Environment = browserEnvironment(),
): Promise<Identity> {
  const worker = environment.startWorker(options.workerUrl);
  try {
    const key = await publicKey(worker);
    return new Identity(await thumbprint(key), worker);
  } catch (reason) {
    worker.terminate();
    throw reason;
  }
}

/** RFC 7638 §3, RFC 8037 §2: `key` is an Ed25519 public key in base64url. */
export async function thumbprint(key: string): Promise<string> {
  const members = `{"crv":"Ed25519","kty":"OKP","x":"${key}"}`;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(members));
  const binary = String.fromCharCode(...new Uint8Array(hash));
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function publicKey(worker: TransformWorker): Promise<string> {
  return ask(worker, { type: 'create-identity' }, (report) =>
    report.type === 'identity' ? report.key : undefined,
  );
}

function proof(
  worker: TransformWorker,
  request: Extract<WorkerRequest, { type: 'prove-join' }>,
): Promise<JoinProof> {
  return ask(worker, request, (report) =>
    report.type === 'join-proof' ? report.proof : undefined,
  );
}

/** Has the worker do something, until `read` finds what came of it in a report. */
function ask<Result>(
  worker: TransformWorker,
  request: WorkerRequest,
  read: (report: WorkerReport) => Result | undefined,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      worker.removeEventListener('message', handleReport);
      worker.removeEventListener('error', handleError);
    };
    const fail = (detail: string): void => {
      stop();
      reject(new QuietroomError('encryption-failed', detail));
    };
    const handleError = (event: Event): void => {
      fail((event as Partial<ErrorEvent>).message ?? event.type);
    };
    const handleReport = ({ data }: MessageEvent<WorkerReport>): void => {
      if (data.type === 'group-failed') fail(data.reason);
      const result = read(data);
      if (result === undefined) return;
      stop();
      resolve(result);
    };
    const timer = setTimeout(() => {
      fail('the worker did not answer');
    }, KEY_TIMEOUT);
    worker.addEventListener('message', handleReport);
    worker.addEventListener('error', handleError);
    worker.postMessage(request);
  });
}

/** Until the worker has loaded and made a key, in ms. */
const KEY_TIMEOUT = 10_000;
