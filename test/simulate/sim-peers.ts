import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError, toDcmhaError } from '../../src/core/model/errors.ts';
import type { PeerCaller, PeerHandler, PeerListener } from '../../src/ports/peers.ts';
import { awaitAnswer } from './await-answer.ts';
import type { Network } from './network.ts';
import type { SimProcess } from './sim-process.ts';

interface Listening {
  readonly process: SimProcess;
  readonly handler: PeerHandler;
}

interface Call {
  readonly peer: Endpoint;
  readonly method: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A request whose caller has given up may still be on its way for so long, ms. */
const LINGER_MS = 3000;

/** Control ports of the processes and the calls between them. */
export class SimPeers {
  readonly #network: Network;
  readonly #ports = new Map<string, Listening>();

  constructor(network: Network) {
    this.#network = network;
  }

  listenerOf(process: SimProcess): PeerListener {
    return {
      listen: (at, handler) => {
        const name = formatEndpoint(at);
        this.#ports.set(name, { process, handler });
        return Promise.resolve({
          [Symbol.asyncDispose]: () => {
            if (this.#ports.get(name)?.process === process) this.#ports.delete(name);
            return Promise.resolve();
          },
        });
      },
    };
  }

  callerOf(process: SimProcess): PeerCaller {
    return {
      call: (peer, method, params, options) => this.#call(process, { peer, method, params, ...options }),
    };
  }

  #call(process: SimProcess, { peer, method, params, timeoutMs, signal }: Call): Promise<unknown> {
    const deadline = process.monotonic() + timeoutMs;
    const text = JSON.stringify(params);
    const options = { timeoutMs, signal, late: () => unreachable(peer) };
    return awaitAnswer<unknown>(process, options, ({ resolve, reject }) => {
      const back = (settle: () => void): void =>
        this.#network.send(peer.host, process.host, deadline, () => process.run(settle));
      this.#network.send(process.host, peer.host, deadline + LINGER_MS, () => {
        this.#arrive(peer, method, text, {
          answered: (value) => back(() => resolve(value)),
          failed: (error) => back(() => reject(error)),
        });
      });
    });
  }

  #arrive(
    peer: Endpoint,
    method: string,
    params: string,
    on: { readonly answered: (value: unknown) => void; readonly failed: (error: DcmhaError) => void },
  ): void {
    const listening = this.#ports.get(formatEndpoint(peer));
    if (listening === undefined || listening.process.isDead) {
      on.failed(unreachable(peer));
      return;
    }
    listening.process.run(() => {
      listening.handler(method, JSON.parse(params)).then(
        (value) => on.answered(copy(value)),
        (thrown: unknown) => on.failed(asRefusal(toDcmhaError(thrown))),
      );
    });
  }
}

function asRefusal({ code, message, details }: DcmhaError): DcmhaError {
  return new DcmhaError('PEER_REFUSED', message, { details: { code, ...details } });
}

function unreachable(peer: Endpoint): DcmhaError {
  return new DcmhaError('PEER_UNREACHABLE', `${formatEndpoint(peer)} does not answer`);
}

function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
