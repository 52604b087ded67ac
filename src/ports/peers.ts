import type { Endpoint } from '../core/model/endpoint.ts';

/**
 * Calls between dcmha's own processes. Both sides prove that they know the installation's shared secret, request and answer
 * alike, so that nobody else can claim that a server is fenced.
 */
export interface PeerCaller {
  /**
   * Throws `PEER_UNREACHABLE` (no answer before the deadline), `PEER_REFUSED` (the peer said no; its message and `details.reason`
   * pass through) or `PEER_PROTOCOL` (not a peer of ours, or a wrong secret).
   */
  call(
    peer: Endpoint,
    method: string,
    params: unknown,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<unknown>;
}

export type PeerHandler = (method: string, params: unknown) => Promise<unknown>;

export interface PeerListener {
  /**
   * Serves `handler` at `at` until disposed. A `DcmhaError` thrown by it reaches the caller as `PEER_REFUSED` with code and message.
   * `turnedAway` is told of each request that was not let through to it, and of where it came from.
   */
  listen(
    at: Endpoint,
    handler: PeerHandler,
    turnedAway?: (what: string, from: string | undefined) => void,
  ): Promise<AsyncDisposable>;
}
