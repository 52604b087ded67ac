import { connect, type Socket } from 'node:net';
import { createConnection, type Connection, type ConnectionOptions } from 'mysql2';
import { z } from 'zod';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { Deadline } from '../system/deadline.ts';
import { connectError, statementError, unreachable, type ErrorContext } from './errors.ts';

export type Row = Readonly<Record<string, unknown>>;

/** Texts of certificates. */
export interface LoginTls {
  readonly ca: string | undefined;
  /** Of this client, where servers want to see one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface Login {
  readonly user: string;
  readonly password: string;
  /** undefined: no TLS. Without a CA the certificate is not checked. */
  readonly ssl: LoginTls | undefined;
  /** The server's local socket, where there is one. */
  readonly socketOf: (server: Endpoint) => string | undefined;
  /** Literal secrets that no message may hold. */
  readonly secrets: readonly string[];
}

const rowsSchema = z.array(z.record(z.string(), z.unknown()));

/** How long a statement waits for locks on tables and on the whole server, in the server's unit. */
export const LOCK_WAIT_S = 10;

/**
 * Makes a session independent of the server's settings: strings are escaped for this sql_mode, the commit probe needs autocommit,
 * no statement waits for locks for the default year, and a low wait_timeout must not look like a dying server.
 */
const SESSION_SETTINGS = `SET SESSION sql_mode = '', autocommit = 1, lock_wait_timeout = ${LOCK_WAIT_S}, wait_timeout = 86400`;

const QUIT_MS = 100;

/** One connection to one server, and at most one statement at a time. Once `lost`, it stays so. */
export class Session {
  readonly server: Endpoint;
  readonly version: string;
  /** On the monotonic clock, ms. */
  readonly openedAt = performance.now();
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #context: ErrorContext;
  readonly #lostListeners = new Set<(code: string) => void>();
  #lostBy: string | undefined;

  private constructor(
    server: Endpoint,
    { connection, socket }: Opened,
    version: string,
    context: ErrorContext,
  ) {
    this.server = server;
    this.version = version;
    this.#connection = connection;
    this.#socket = socket;
    this.#context = context;
    const lose = (error?: unknown): void => {
      const code =
        error instanceof Error && 'code' in error ? String(error.code) : 'PROTOCOL_CONNECTION_LOST';
      this.#end(code);
    };
    connection.on('error', lose).on('end', lose);
  }

  /** The whole way, greeting and authentication included, is under the deadline. Throws MYSQL_REFUSED, MYSQL_UNREACHABLE. */
  static async open(server: Endpoint, login: Login, deadline: Deadline): Promise<Session> {
    const context = { server, secrets: login.secrets };
    const socket = openSocket(server, login);
    const connection = createConnection(connectionOptions(socket, server, login));
    const late = (reason: 'timeout' | 'abort'): Error => {
      drop({ connection, socket });
      return reason === 'abort'
        ? unreachable(server, 'ABORT_ERR', 'given up')
        : unreachable(server, 'ETIMEDOUT', `no answer within ${Math.round(deadline.timeoutMs)} ms`);
    };
    try {
      await deadline.race(handshake(connection), late);
      const rows = await deadline.race(run(connection, 'SELECT VERSION() AS version', []), late);
      const session = new Session(server, { connection, socket }, String(rows[0]?.['version']), context);
      await session.query(SESSION_SETTINGS, [], deadline);
      return session;
    } catch (error) {
      drop({ connection, socket });
      throw error instanceof DcmhaError ? error : connectError(error, context);
    }
  }

  get lost(): boolean {
    return this.#lostBy !== undefined;
  }

  /** The server's id of this session, for KILL. */
  get threadId(): number {
    return this.#connection.threadId;
  }

  /** Calls back as soon as the connection ends, at once when it has ended already. */
  onLost(listener: (code: string) => void): void {
    if (this.#lostBy === undefined) this.#lostListeners.add(listener);
    else listener(this.#lostBy);
  }

  /** The code of its end, or undefined when `signal` aborted first. */
  untilLost(signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.onLost(resolve);
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  }

  /**
   * Throws MYSQL_REJECTED, MYSQL_UNREACHABLE, TIMED_OUT. Past the deadline the connection is dropped, since what it waits for
   * would come between the next statements. `label` names the statement in messages; the text itself may hold a password.
   */
  async query(
    sql: string,
    values: readonly unknown[],
    deadline: Deadline,
    label = sql,
  ): Promise<readonly Row[]> {
    if (this.lost) throw unreachable(this.server, 'PROTOCOL_CONNECTION_LOST', 'the connection ended');
    const late = (reason: 'timeout' | 'abort'): Error => {
      this.close();
      const server = formatEndpoint(this.server);
      const text =
        reason === 'abort' ? 'was given up' : `took more than ${Math.round(deadline.timeoutMs)} ms`;
      return new DcmhaError('TIMED_OUT', `${server}: ${label} ${text}`, { details: { server, reason } });
    };
    try {
      return await deadline.race(run(this.#connection, sql, values), late);
    } catch (error) {
      if (error instanceof DcmhaError) throw error;
      const translated = statementError(error, label, this.#context);
      if (translated.code === 'MYSQL_UNREACHABLE') this.close();
      throw translated;
    }
  }

  close(): void {
    drop({ connection: this.#connection, socket: this.#socket });
    this.#end('CLOSED');
  }

  /** Says goodbye first, so that the server counts no aborted client. */
  quit(): Promise<void> {
    return new Promise((resolve) => {
      const close = (): void => {
        clearTimeout(timer);
        this.close();
        resolve();
      };
      const timer = setTimeout(close, QUIT_MS);
      if (this.lost) close();
      else this.#connection.end(close);
    });
  }

  #end(code: string): void {
    if (this.#lostBy !== undefined) return;
    this.#lostBy = code;
    for (const listener of this.#lostListeners) listener(code);
  }
}

/** A connection and the socket beneath it. */
interface Opened {
  readonly connection: Connection;
  readonly socket: Socket;
}

/** mysql2's own destroy only says that it is done: towards a peer that hangs, the socket would stay open for good. */
function drop({ connection, socket }: Opened): void {
  connection.destroy();
  socket.destroy();
}

function openSocket(server: Endpoint, login: Login): Socket {
  const socketPath = login.socketOf(server);
  if (socketPath !== undefined) return connect(socketPath);
  return connect({ host: server.host, port: server.port, noDelay: true, keepAlive: true });
}

function connectionOptions(socket: Socket, server: Endpoint, login: Login): ConnectionOptions {
  const socketPath = login.socketOf(server);
  const tls =
    login.ssl === undefined
      ? {}
      : {
          ssl: {
            rejectUnauthorized: login.ssl.ca !== undefined,
            ...(login.ssl.ca === undefined ? {} : { ca: login.ssl.ca }),
            ...(login.ssl.cert === undefined ? {} : { cert: login.ssl.cert }),
            ...(login.ssl.key === undefined ? {} : { key: login.ssl.key }),
          },
        };
  return {
    stream: socket,
    // Tells mysql2 that the way is private: a server that does not remember the password wants it in clear there.
    ...(socketPath === undefined ? {} : { socketPath }),
    ...tls,
    user: login.user,
    password: login.password,
    charset: 'utf8mb4',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // A server must not be able to ask this process for its files.
    flags: ['-LOCAL_FILES'],
    connectAttributes: { program_name: 'dcmha' },
    // The deadline of `open` covers more than this one, which ends with the TCP connection.
    connectTimeout: 0,
  };
}

function handshake(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('connect', () => resolve());
    // Stays for the connection's life: mysql2 emits errors late, and one without a listener ends the process.
    connection.on('error', reject);
    connection.on('end', () => reject(new Error('the server closed the connection')));
  });
}

function run(connection: Connection, sql: string, values: readonly unknown[]): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, values: [...values] }, (error, result) => {
      if (error === null) resolve(rowsSchema.safeParse(result).data ?? []);
      else reject(error);
    });
  });
}
