import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../src/core/model/errors.ts';
import type { PeerCaller, PeerHandler, PeerListener } from '../../src/ports/peers.ts';
import type { Clock } from '../../src/ports/system.ts';

const LATENCY_MS = 1;

/** dcmha's processes calling one another, in memory. Hosts can be cut off from each other. */
export class FakePeerNetwork implements PeerListener {
  readonly #clock: Clock;
  readonly #handlers = new Map<string, PeerHandler>();
  readonly #cut = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  listen(at: Endpoint, handler: PeerHandler): Promise<AsyncDisposable> {
    const name = formatEndpoint(at);
    if (this.#handlers.has(name)) return Promise.reject(new Error(`${name} is taken`));
    this.#handlers.set(name, handler);
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        this.#handlers.delete(name);
        return Promise.resolve();
      },
    });
  }

  /** The process at this endpoint is gone, without having said so. */
  kill(at: Endpoint): void {
    this.#handlers.delete(formatEndpoint(at));
  }

  /** Calls between these hosts get no answer, either way. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a}|${b}`).add(`${b}|${a}`);
  }

  from(host: string): PeerCaller {
    return {
      call: async (peer, method, params, { timeoutMs, signal }) => {
        const handler = this.#handlers.get(formatEndpoint(peer));
        const silent = this.#cut.has(`${host}|${peer.host}`);
        await this.#clock.pause(silent ? timeoutMs : Math.min(timeoutMs, LATENCY_MS), signal);
        if (silent || handler === undefined)
          throw new DcmhaError('PEER_UNREACHABLE', `${formatEndpoint(peer)} does not answer`);
        try {
          return roundTrip(await handler(method, roundTrip(params)));
        } catch (error) {
          if (!hasCode(error, 'PEER_REFUSED') && !(error instanceof DcmhaError)) throw error;
          throw new DcmhaError('PEER_REFUSED', error.message, {
            details: { code: error.code, ...error.details },
          });
        }
      },
    };
  }
}

function roundTrip(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
