import { Agent, request, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, type ErrorDetails } from '../../core/model/errors.ts';
import type { PeerCaller } from '../../ports/peers.ts';
import { Deadline } from '../system/deadline.ts';
import { readBody } from './body.ts';
import { CALL_PATH, headers, isProof, newNonce, proveAnswer, proveRequest } from './hmac.ts';
import { peerTime, type PeerTime } from './peer-time.ts';

const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024;

/** What a peer says to a call whose time is not its own. */
const clockSchema = z.object({ now: z.number().int() });

const answerSchema = z.union([
  z.object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    }),
  }),
  z.object({ result: z.unknown().optional() }),
]);

/** Calls keep their connections, so that one costs a round trip. Idle ones do not keep the process alive. */
export function createPeerCaller(settings: {
  readonly secret: string;
  readonly now?: PeerTime;
}): PeerCaller & Disposable {
  const clocks = new PeerClocks(settings.now ?? peerTime);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4, noDelay: true });
  return {
    call: async (peer, method, params, options) => {
      const exchange: Exchange = {
        peer,
        agent,
        secret: settings.secret,
        body: Buffer.from(JSON.stringify({ method, params })),
        deadline: new Deadline(options),
        clocks,
      };
      try {
        return await sendKept(exchange);
      } catch (error) {
        if (!(error instanceof OtherTime)) throw error;
        clocks.heed(peer, error.now);
        return await sendKept(exchange).catch((again: unknown) => {
          throw again instanceof OtherTime ? foreign(peer, 'it says another time at each call') : again;
        });
      }
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

interface Exchange {
  readonly peer: Endpoint;
  /** undefined: a connection for this call only. */
  readonly agent: Agent | undefined;
  readonly secret: string;
  readonly body: Buffer;
  readonly deadline: Deadline;
  readonly clocks: PeerClocks;
}

class StaleConnection extends Error {}

/** The peer, which knows the secret, says that it is another time there. */
class OtherTime extends Error {
  readonly now: number;

  constructor(now: number) {
    super('the clocks differ');
    this.now = now;
  }
}

/** How far each peer's clock is from ours, as far as it had to tell. */
class PeerClocks {
  readonly #now: PeerTime;
  readonly #aheadMs = new Map<string, number>();

  constructor(now: PeerTime) {
    this.#now = now;
  }

  at(peer: Endpoint): number {
    return this.#now() + (this.#aheadMs.get(formatEndpoint(peer)) ?? 0);
  }

  heed(peer: Endpoint, now: number): void {
    this.#aheadMs.set(formatEndpoint(peer), now - this.#now());
  }
}

async function sendKept(exchange: Exchange): Promise<unknown> {
  try {
    return await send(exchange);
  } catch (error) {
    // A kept connection that the peer had closed: the call is made again, as every call may be, on a new one.
    if (!(error instanceof StaleConnection)) throw error;
    return send({ ...exchange, agent: undefined });
  }
}

async function send(exchange: Exchange): Promise<unknown> {
  const { peer, secret, body, deadline, clocks } = exchange;
  const nonce = newNonce();
  const time = String(clocks.at(peer));
  const recipient = formatEndpoint(peer);
  const proof = proveRequest(secret, { verb: 'POST', path: CALL_PATH, recipient, time, nonce }, body);
  const stop = new AbortController();
  const { response, text } = await deadline.race(
    exchangeBytes(
      exchange,
      { [headers.time]: time, [headers.nonce]: nonce, [headers.proof]: proof },
      stop.signal,
    ),
    (reason) => {
      stop.abort();
      const why = reason === 'abort' ? 'the call was given up' : `no answer within ${deadline.timeoutMs} ms`;
      return unreachable(peer, reason === 'abort' ? 'ABORT_ERR' : 'ETIMEDOUT', why);
    },
  );
  return readAnswer(exchange, nonce, response, text);
}

function exchangeBytes(
  { peer, agent, body }: Exchange,
  proofs: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly response: IncomingMessage; readonly text: Buffer | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = request({
      agent: agent ?? false,
      signal,
      host: peer.host,
      port: peer.port,
      method: 'POST',
      path: CALL_PATH,
      headers: {
        ...proofs,
        host: formatEndpoint(peer),
        'content-type': 'application/json',
        'content-length': body.length,
      },
    });
    const fail = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? 'UNKNOWN';
      if (sent.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) reject(new StaleConnection());
      // The parser's own errors: it answers, but not in HTTP.
      else if (code.startsWith('HPE_')) reject(foreign(peer, 'it does not speak HTTP'));
      else reject(unreachable(peer, code, error.message));
    };
    sent.on('error', fail);
    sent.on('response', (response) => {
      readBody(response, ANSWER_LIMIT_BYTES).then((text) => {
        if (text === undefined) sent.destroy();
        resolve({ response, text });
      }, fail);
    });
    sent.end(body);
  });
}

function readAnswer(
  { peer, secret }: Exchange,
  nonce: string,
  response: IncomingMessage,
  text: Buffer | undefined,
): unknown {
  const status = response.statusCode ?? 0;
  const isProven =
    text !== undefined && isProof(proveAnswer(secret, nonce, status, text), response.headers[headers.proof]);
  if (status === 401) throw deniedBy(peer, isProven ? text : undefined);
  if (status !== 200 || text === undefined) throw foreign(peer, `it answers with status ${status}`);
  if (!isProven) throw foreign(peer, 'its answer does not prove that it knows our secret');
  const answer = answerSchema.safeParse(JSON.parse(text.toString('utf8')));
  if (!answer.success) throw foreign(peer, 'its answer is of another version of dcmha');
  if (!('error' in answer.data)) return answer.data.result;
  const { code, message, details } = answer.data.error;
  const facts: ErrorDetails = { ...details, code, peer: formatEndpoint(peer) };
  throw new DcmhaError('PEER_REFUSED', message, { details: facts });
}

/** `proven`: what it says, when it knows the secret. */
function deniedBy(peer: Endpoint, proven: Buffer | undefined): Error {
  const clock = clockSchema.safeParse(proven === undefined ? undefined : JSON.parse(proven.toString('utf8')));
  if (clock.success) return new OtherTime(clock.data.now);
  return foreign(peer, 'it refuses our proof: do both have the same peer.secretFile?');
}

function unreachable(peer: Endpoint, code: string, why: string): DcmhaError {
  const name = formatEndpoint(peer);
  return new DcmhaError('PEER_UNREACHABLE', `${name} does not answer: ${why}`, {
    details: { peer: name, code },
  });
}

function foreign(peer: Endpoint, why: string): DcmhaError {
  const name = formatEndpoint(peer);
  return new DcmhaError('PEER_PROTOCOL', `${name} is no peer of ours: ${why}`, { details: { peer: name } });
}
