import { createServer, type Server } from 'node:net';
import { createSecureContext } from 'node:tls';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { BinlogListener, BinlogService } from '../../ports/binlog-service.ts';
import type { Log } from '../../ports/system.ts';
import { selfSignedCertificate } from './certificate.ts';
import { Connection, type ConnectionLimits, type ConnectionSettings } from './connection.ts';

export interface BinlogServiceSettings {
  /** The replication account: whoever has it gets in, nobody else. */
  readonly account: { readonly user: string; readonly password: string };
  readonly log: Log;
  readonly limits?: Partial<ConnectionLimits> | undefined;
}

const MAX_CONNECTIONS = 20;
const USUAL_LIMITS: ConnectionLimits = { loginMs: 5000, stallMs: 30_000 };

/** A binlog service over TCP, with TLS for the clients that want it. */
export function createBinlogService(settings: BinlogServiceSettings): BinlogService {
  // Made at once: when it is needed, every millisecond is an outage's.
  const secure = selfSignedCertificate(new Date()).then((made) =>
    createSecureContext({ ...made, minVersion: 'TLSv1.2' }),
  );
  // Whoever listens hears of a failure.
  secure.catch(() => undefined);
  return {
    listen: async (at, offer) => {
      const tls = await secure;
      const listener = new Listener({ ...settings, tls, offer });
      await listener.start(at);
      return listener;
    },
  };
}

type ListenerSettings = Pick<ConnectionSettings, 'tls' | 'offer'> & BinlogServiceSettings;

class Listener implements BinlogListener {
  readonly #server: Server;
  readonly #settings: ListenerSettings;
  readonly #connections = new Set<Connection>();
  #count = 0;
  #warnedAt = -Infinity;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#server = createServer({ allowHalfOpen: false, noDelay: true }, (socket) => {
      this.#count += 1;
      const connection = new Connection(socket, this.#count, {
        ...settings,
        limits: { ...USUAL_LIMITS, ...settings.limits },
        onDump: (dumping) => this.#endOlder(dumping),
        onDenied: (why, from) => this.#warn(why, from),
      });
      this.#connections.add(connection);
      connection.signal.addEventListener('abort', () => this.#connections.delete(connection), { once: true });
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  start(at: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const where = formatEndpoint(at);
        reject(
          new DcmhaError(
            'CONFIG_INVALID',
            `the binlog service cannot listen at ${where} (${cause.code ?? ''})`,
            {
              details: { address: where, code: cause.code },
              cause,
            },
          ),
        );
      });
      this.#server.listen({ host: at.host, port: at.port }, resolve);
    });
  }

  hangUp(): void {
    for (const connection of [...this.#connections]) connection.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** As a source does: a replica that comes again has lost its first connection, whether or not this side has noticed. */
  #endOlder(newest: Connection): void {
    for (const connection of [...this.#connections]) {
      if (connection !== newest && connection.replicaUuid === newest.replicaUuid) connection.end();
    }
  }

  /** Once a second at most: whoever can reach the port could fill the log. */
  #warn(why: string, from: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < 1000) return;
    this.#warnedAt = now;
    this.#settings.log.warn('client of the binlog service turned away', { why, from });
  }
}
