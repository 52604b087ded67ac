import { Agent, request, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, type ErrorDetails } from '../../core/model/errors.ts';
import type { PeerCaller } from '../../ports/peers.ts';
import { Deadline } from '../system/deadline.ts';
import { readBody } from './body.ts';
import { CALL_PATH, headers, isProof, newNonce, proveAnswer, proveRequest } from './hmac.ts';

const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024;

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
export function createPeerCaller(settings: { readonly secret: string }): PeerCaller & Disposable {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4, noDelay: true });
  return {
    call: async (peer, method, params, options) => {
      const exchange: Exchange = {
        peer,
        agent,
        secret: settings.secret,
        body: Buffer.from(JSON.stringify({ method, params })),
        deadline: new Deadline(options),
      };
      try {
        return await send(exchange);
      } catch (error) {
        // A kept connection that the peer had closed: the call is made again, as every call may be, on a new one.
        if (!(error instanceof StaleConnection)) throw error;
        return await send({ ...exchange, agent: undefined });
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
}

class StaleConnection extends Error {}

async function send(exchange: Exchange): Promise<unknown> {
  const { peer, secret, body, deadline } = exchange;
  const nonce = newNonce();
  const time = String(Date.now());
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
  if (status === 401) {
    throw foreign(
      peer,
      'it refuses our proof: do both have the same peer.secretFile, and clocks within 30 s?',
    );
  }
  if (status !== 200 || text === undefined) throw foreign(peer, `it answers with status ${status}`);
  if (!isProof(proveAnswer(secret, nonce, status, text), response.headers[headers.proof])) {
    throw foreign(peer, 'its answer does not prove that it knows our secret');
  }
  const answer = answerSchema.safeParse(JSON.parse(text.toString('utf8')));
  if (!answer.success) throw foreign(peer, 'its answer is of another version of dcmha');
  if (!('error' in answer.data)) return answer.data.result;
  const { code, message, details } = answer.data.error;
  const facts: ErrorDetails = { ...details, code, peer: formatEndpoint(peer) };
  throw new DcmhaError('PEER_REFUSED', message, { details: facts });
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
