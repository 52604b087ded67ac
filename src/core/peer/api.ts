import type { z } from 'zod';
import type { PeerCaller, PeerHandler } from '../../ports/peers.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { DcmhaError } from '../model/errors.ts';

/** What one process offers another: method name -> what goes in and out. */
export type PeerApi = Readonly<Record<string, { readonly params: z.ZodType; readonly result: z.ZodType }>>;

export type Params<A extends PeerApi, M extends keyof A> = z.infer<A[M]['params']>;
export type Result<A extends PeerApi, M extends keyof A> = z.infer<A[M]['result']>;

/** One handler per method; inputs and answers are checked against the API. */
export type PeerImplementation<A extends PeerApi> = {
  readonly [M in keyof A]: (params: Params<A, M>) => Promise<Result<A, M>>;
};

/** Calls a method and checks the answer. Throws what {@link PeerCaller.call} throws. */
export async function callPeer<A extends PeerApi, M extends keyof A & string>(
  caller: PeerCaller,
  api: A,
  peer: Endpoint,
  request: {
    readonly method: M;
    readonly params: Params<A, M>;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<Result<A, M>> {
  const { method, params, timeoutMs, signal } = request;
  const answer = await caller.call(peer, method, params, { timeoutMs, signal });
  const parsed = api[method]?.result.safeParse(answer);
  if (parsed?.success !== true) {
    throw new DcmhaError('PEER_PROTOCOL', `the answer to ${method} is not of this program's version`, {
      details: { method, peer: `${peer.host}:${peer.port}` },
      cause: parsed?.error,
    });
  }
  return parsed.data as Result<A, M>;
}

/** The handler of a peer server for an API and its implementation. Unknown methods and malformed params are refused. */
export function handlePeer<A extends PeerApi>(api: A, implementation: PeerImplementation<A>): PeerHandler {
  return async (method, params) => {
    const entry = Object.hasOwn(api, method) ? api[method] : undefined;
    if (entry === undefined)
      throw new DcmhaError('PEER_PROTOCOL', `no method ${JSON.stringify(method)} here`);
    const parsed = entry.params.safeParse(params);
    if (!parsed.success) {
      throw new DcmhaError('PEER_PROTOCOL', `malformed parameters of ${method}`, { cause: parsed.error });
    }
    return implementation[method as keyof A](parsed.data as never);
  };
}
