import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { z } from 'zod';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { PeerHandler, PeerListener } from '../../ports/peers.ts';
import type { Log } from '../../ports/system.ts';
import { readBody } from './body.ts';
import { CALL_PATH, headers, isProof, proveAnswer, proveRequest } from './hmac.ts';
import { peerTime, type PeerTime } from './peer-time.ts';
import { ReplayGuard } from './replay-guard.ts';

export interface PeerServerSettings {
  /** The secret that all processes of the installation share. */
  readonly secret: string;
  readonly log: Log;
  /** Deadlines for the two parts of a request, ms. */
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly now?: PeerTime;
}

const BODY_LIMIT_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 500;

const callSchema = z.object({ method: z.string().max(100), params: z.unknown() });

export function createPeerListener(settings: PeerServerSettings): PeerListener {
  return {
    listen: async (at, handler, turnedAway) => {
      const server = createServer({
        headersTimeout: settings.headersTimeoutMs ?? 3000,
        requestTimeout: settings.requestTimeoutMs ?? 5000,
        connectionsCheckingInterval: 500,
        keepAliveTimeout: 60_000,
        maxHeaderSize: 8192,
      });
      server.maxConnections = MAX_CONNECTIONS;
      const peer = new PeerServer(settings, handler, { self: () => at, turnedAway });
      server.on('request', (request, response) => void peer.serve(request, response));
      // What is not HTTP gets no answer.
      server.on('clientError', (_error, socket) => socket.destroy());
      await startListening(server, at);
      return { [Symbol.asyncDispose]: () => stop(server) };
    },
  };
}

/** Why a request is turned away; the caller is not told, the log is. */
type Denial = 'no-proof' | 'wrong-recipient' | 'wrong-proof' | 'replayed';

type Checked =
  | { readonly nonce: string }
  | { readonly denied: Denial }
  /** Of another time than ours; the caller knows the secret, so it is told what time it is here, and may ask again. */
  | { readonly stale: string; readonly now: number };

type TurnedAway = Parameters<PeerListener['listen']>[2];

/** For operators. */
const denialTexts = {
  'no-proof': 'a request without a proof',
  'wrong-recipient': 'a request that was meant for another process',
  'wrong-proof': 'a request of somebody who does not know the secret, or that was changed on the way',
  replayed: 'a request that was recorded and sent again',
} as const satisfies Record<Denial, string>;

class PeerServer {
  readonly #settings: PeerServerSettings;
  readonly #handler: PeerHandler;
  readonly #self: () => Endpoint;
  readonly #turnedAway: TurnedAway | undefined;
  readonly #replays = new ReplayGuard();
  #warnedAt = -Infinity;

  constructor(
    settings: PeerServerSettings,
    handler: PeerHandler,
    { self, turnedAway }: { readonly self: () => Endpoint; readonly turnedAway: TurnedAway | undefined },
  ) {
    this.#settings = settings;
    this.#handler = handler;
    this.#self = self;
    this.#turnedAway = turnedAway;
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    if (request.method !== 'POST' || request.url !== CALL_PATH) {
      dismiss(response, 404);
      return;
    }
    const body = await readBody(request, BODY_LIMIT_BYTES).catch(() => 'cut-off' as const);
    if (body === 'cut-off') return;
    if (body === undefined) {
      dismiss(response, 413);
      return;
    }
    const checked = this.#check(request, body);
    if ('denied' in checked) {
      this.#turnedAway?.(denialTexts[checked.denied], request.socket.remoteAddress);
      this.#warn(checked.denied, request);
      dismiss(response, 401);
      return;
    }
    if ('stale' in checked) {
      this.#answer(response, { status: 401, nonce: checked.stale, content: { now: checked.now } });
      return;
    }
    this.#answer(response, { status: 200, nonce: checked.nonce, content: await this.#call(body) });
  }

  #answer(
    response: ServerResponse,
    {
      status,
      nonce,
      content,
    }: { readonly status: number; readonly nonce: string; readonly content: unknown },
  ): void {
    if (response.destroyed) return;
    const answer = Buffer.from(JSON.stringify(content));
    response.writeHead(status, {
      'content-type': 'application/json',
      [headers.proof]: proveAnswer(this.#settings.secret, nonce, status, answer),
    });
    response.end(answer);
  }

  #check(request: IncomingMessage, body: Buffer): Checked {
    const time = request.headers[headers.time];
    const nonce = request.headers[headers.nonce];
    const recipient = request.headers.host;
    if (typeof time !== 'string' || typeof nonce !== 'string' || recipient === undefined) {
      return { denied: 'no-proof' };
    }
    const facts = { verb: 'POST', path: CALL_PATH, recipient, time, nonce };
    const expected = proveRequest(this.#settings.secret, facts, body);
    if (!isProof(expected, request.headers[headers.proof])) return { denied: 'wrong-proof' };
    // From here on the caller knows the secret.
    if (!isMeant(recipient, this.#self())) return { denied: 'wrong-recipient' };
    const now = (this.#settings.now ?? peerTime)();
    if (!this.#replays.isFresh(Number(time), now)) return { stale: nonce, now };
    return this.#replays.take(nonce, Number(time), now) ? { nonce } : { denied: 'replayed' };
  }

  async #call(body: Buffer): Promise<unknown> {
    try {
      const call = callSchema.safeParse(parseJson(body));
      if (!call.success) throw new DcmhaError('PEER_PROTOCOL', 'malformed call');
      return { result: await this.#handler(call.data.method, call.data.params) };
    } catch (error) {
      if (error instanceof DcmhaError) {
        return { error: { code: error.code, message: error.message, details: error.details } };
      }
      // Its text may say anything, so it stays here.
      this.#settings.log.error('peer call failed unexpectedly', { error });
      return {
        error: {
          code: 'UNEXPECTED',
          message: 'the call failed unexpectedly: see the log of that process',
          details: {},
        },
      };
    }
  }

  /** Once a second at most: whoever can reach the port could fill the log. */
  #warn(reason: Denial, request: IncomingMessage): void {
    const now = performance.now();
    if (now - this.#warnedAt < 1000) return;
    this.#warnedAt = now;
    this.#settings.log.warn('peer call turned away', { reason, from: request.socket.remoteAddress });
  }
}

/** A request for another process proves nothing here. Names and wildcard addresses cannot be compared. */
function isMeant(recipient: string, self: Endpoint): boolean {
  try {
    const { host, port } = parseEndpoint(recipient);
    if (self.port !== 0 && port !== self.port) return false;
    const comparable =
      isIP(host) !== 0 && isIP(self.host) !== 0 && self.host !== '0.0.0.0' && self.host !== '::';
    return !comparable || host === self.host;
  } catch {
    // Not HOST:PORT.
    return false;
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // Malformed, which the schema then says.
    return undefined;
  }
}

/** An empty answer, and the connection is over. */
function dismiss(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close', 'content-length': 0 });
  response.end(() => response.socket?.destroy());
}

function startListening(server: Server, at: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = formatEndpoint(at);
      const code = cause.code ?? '';
      const remedy =
        code === 'EADDRINUSE'
          ? 'another process has it: stop that one, or choose another port'
          : 'is that an address of this host?';
      reject(
        new DcmhaError('CONFIG_INVALID', `cannot listen at ${where} (${code}): ${remedy}`, {
          details: { address: where, code },
          cause,
        }),
      );
    });
    server.listen({ host: at.host, port: at.port }, resolve);
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
