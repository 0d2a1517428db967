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
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const { token } = ((await answer.json()) ?? {}) as { token?: unknown };
    if (typeof token !== 'string' || token === '') throw new Error('an answer without a token');
    return token;
  } catch (reason) {
    throw new QuietroomError('token-unavailable', reason);
  }
}

/** In ms. */
const TIMEOUT = 15_000;
