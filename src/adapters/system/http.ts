import { DcmhaError } from '../../core/model/errors.ts';
import type { HttpPoster } from '../../ports/system.ts';

/** Messages name the origin only: the rest of an address may hold a token. */
export const httpPoster: HttpPoster = {
  post: async (url, body, { timeoutMs }) => {
    if (!URL.canParse(url)) throw new DcmhaError('CONFIG_INVALID', 'the webhook address is not a URL');
    const { origin } = new URL(url);
    const response = await send(url, origin, body, timeoutMs);
    // Read to its end, so that the connection can be used again.
    await response.arrayBuffer().catch(() => undefined);
    if (!response.ok) {
      throw new DcmhaError('PEER_PROTOCOL', `${origin} answers ${response.status}`, {
        details: { origin, status: response.status },
      });
    }
  },
};

async function send(url: string, origin: string, body: string, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const code = codeOf(error);
    throw new DcmhaError('PEER_UNREACHABLE', `${origin} cannot be reached: ${code}`, {
      details: { origin, code },
    });
  }
}

/** `fetch` hides the socket's error in the cause of a TypeError. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause: unknown = error.cause;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.name === 'TimeoutError' ? 'ETIMEDOUT' : error.name;
}
