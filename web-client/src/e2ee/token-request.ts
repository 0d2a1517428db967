import { QuietroomError } from '../error';

/**
 * Asks the clinic's backend at `url` for a token that is bound to the key with
 * this thumbprint. The backend knows by its own cookies who asks. Rejects with
 * `token-unavailable`.
 */
export async function requestToken(
  url: string | URL,
  thumbprint: string,
  fetcher: typeof fetch = fetch,
): Promise<string> {
  try {
    const answer = await fetcher(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ thumbprint }),
      credentials: 'include',
      redirect: 'error',
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!answer.ok) throw new BadStatus(answer.status);
    const { token } = ((await answer.json()) ?? {}) as { token?: unknown };
    if (typeof token !== 'string' || token === '') throw new Error('an answer without a token');
    return token;
  } catch (reason) {
    throw new QuietroomError('token-unavailable', reason);
  }
}

/** Whether no token came as the backend could not be reached, or not work: it may later. */
export function mayPass({ code, cause }: QuietroomError): boolean {
  if (code !== 'token-unavailable') return false;
  if (cause instanceof BadStatus) return cause.status === TOO_MANY || cause.status >= 500;
  // As `fetch` has it: no network, and no answer in time.
  return cause instanceof TypeError || cause instanceof DOMException;
}

class BadStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** RFC 6585 §4. */
const TOO_MANY = 429;

/** In ms. */
const TIMEOUT = 15_000;
