import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * How peers prove to each other that they know the installation's secret: HMAC-SHA256 over what a message says and whom it is for.
 * A request names its recipient, so that one recorded on the way is of no use at another process; an answer repeats the request's
 * nonce and status, so that it fits no other request.
 */
export interface RequestFacts {
  readonly verb: string;
  readonly path: string;
  /** HOST:PORT as the caller addressed it. */
  readonly recipient: string;
  /** ms since 1970, as sent. */
  readonly time: string;
  readonly nonce: string;
}

export const headers = { time: 'x-dcmha-time', nonce: 'x-dcmha-nonce', proof: 'x-dcmha-proof' } as const;

/** Where requests go; the number is the version of this protocol. */
export const CALL_PATH = '/dcmha/1/call';

export function newNonce(): string {
  return randomBytes(16).toString('base64url');
}

export function proveRequest(secret: string, facts: RequestFacts, body: Buffer): string {
  const { verb, path, recipient, time, nonce } = facts;
  return prove(secret, ['dcmha-request', verb, path, recipient, time, nonce], body);
}

export function proveAnswer(secret: string, nonce: string, status: number, body: Buffer): string {
  return prove(secret, ['dcmha-answer', nonce, String(status)], body);
}

/** In constant time, whatever `given` is. */
export function isProof(expected: string, given: unknown): boolean {
  if (typeof given !== 'string') return false;
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The parts come from header values and constants, which hold no line feed: joined by it they are unambiguous. */
function prove(secret: string, parts: readonly string[], body: Buffer): string {
  return createHmac('sha256', secret)
    .update(`${parts.join('\n')}\n`)
    .update(body)
    .digest('base64url');
}
