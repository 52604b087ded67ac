import { type Connection, createConnection } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../../src/core/model/endpoint.ts';
import { connectTo, readSecret } from '../../src/sandbox/connect.ts';
import { eventually } from './eventually.ts';

/**
 * reconnecting: a connection for each row, as PHP does. busy: one connection, row after row. idle: a pool's, used now and then; as pools do, it
 * is made again when it was closed while nobody used it.
 */
export type Habit = 'reconnecting' | 'busy' | 'idle';

export interface CrowdOptions {
  readonly dir: string;
  /** A write listener, `host:port`. */
  readonly at: string;
  readonly clients: Readonly<Record<Habit, number>>;
  /** Between two rows of a client that is not idle, on average; default 1: as fast as it goes. */
  readonly everyMs?: number | undefined;
  /** The same of one that is; default 200. */
  readonly idleMs?: number | undefined;
}

/** Times are ms since 1970, with fractions. */
export interface Failure {
  readonly habit: Habit;
  /** When the connection that failed was asked for. */
  readonly connectedAt: number;
  readonly at: number;
  readonly error: string;
}

export interface CrowdReport {
  readonly acknowledged: number;
  /** Rows that were acknowledged and are not at the server that was asked. */
  readonly lost: number;
  readonly failures: readonly Failure[];
  /** Every row, as its client waited for it. */
  readonly waits: readonly Wait[];
}

/** How long a client waited for one row: from when it had it to write until it was acknowledged, however often it had to try. */
export interface Wait {
  readonly client: number;
  readonly habit: Habit;
  /** When the client had it. */
  readonly wantedAt: number;
  /** When it was acknowledged. */
  readonly at: number;
}

const USUAL_MS: Readonly<Record<Habit, number>> = { reconnecting: 1, busy: 1, idle: 200 };
const CONNECT_TIMEOUT_MS = 10_000;
const TABLE = 'app.crowd';

const now = (): number => performance.timeOrigin + performance.now();

/** Clients that insert rows of one statement each, all in this process, so that little of what they measure is their own. */
export class Crowd implements AsyncDisposable {
  readonly #options: CrowdOptions;
  readonly #password: string;
  readonly #stopping = new AbortController();
  readonly #rows: (readonly [client: number, number: number])[] = [];
  readonly #failures: Failure[] = [];
  readonly #waits: Wait[] = [];
  /** By the server, or on the way. */
  readonly #closed = new WeakSet<Connection>();
  readonly #work: Promise<void>[] = [];
  #lastAt = now();

  private constructor(options: CrowdOptions, password: string) {
    this.#options = options;
    this.#password = password;
  }

  static async start(options: CrowdOptions): Promise<Crowd> {
    const crowd = new Crowd(options, await readSecret(options.dir, 'app'));
    // Whoever moved the primary last may not be through with it.
    const connection = await eventually(() => crowd.#connect(), { timeoutMs: CONNECT_TIMEOUT_MS });
    await connection.query(`DROP TABLE IF EXISTS ${TABLE}`);
    await connection.query(`CREATE TABLE ${TABLE} (client INT, number INT, PRIMARY KEY (client, number))`);
    await connection.end();
    const habits = Object.entries(options.clients).flatMap(([habit, count]) =>
      Array.from({ length: count }, () => habit as Habit),
    );
    habits.forEach((habit, client) => crowd.#work.push(crowd.#live(habit, client)));
    return crowd;
  }

  get acknowledged(): number {
    return this.#rows.length;
  }

  /** Since the last acknowledged row, ms. */
  get silentMs(): number {
    return now() - this.#lastAt;
  }

  /** Ends the clients and looks for their rows at `server`, which is not a router. */
  async stop(server: string): Promise<CrowdReport> {
    await this[Symbol.asyncDispose]();
    const connection = await connectTo({ dir: this.#options.dir, at: server, as: 'admin' });
    const [found] = await connection.query({ sql: `SELECT client, number FROM ${TABLE}`, rowsAsArray: true });
    await connection.end();
    const there = new Set((found as unknown as readonly (readonly number[])[]).map(String));
    return {
      acknowledged: this.#rows.length,
      lost: this.#rows.filter((row) => !there.has(String(row))).length,
      failures: this.#failures,
      waits: this.#waits,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#work);
  }

  async #live(habit: Habit, client: number): Promise<void> {
    let connection: Connection | undefined;
    let connectedAt = now();
    let wantedAt = now();
    for (let number = 0; !this.#stopping.signal.aborted; number++) {
      try {
        if (connection === undefined || (habit === 'idle' && this.#closed.has(connection))) {
          connectedAt = now();
          connection = await this.#connect();
        }
        await connection.query(`INSERT INTO ${TABLE} VALUES (${client}, ${number})`);
        this.#lastAt = now();
        this.#rows.push([client, number]);
        this.#waits.push({ client, habit, wantedAt, at: this.#lastAt });
        if (habit === 'reconnecting') {
          connection.destroy();
          connection = undefined;
        }
        // Not all at once: they would wait for each other.
        await pause(2 * Math.random() * this.#restMs(habit));
        wantedAt = now();
      } catch (error) {
        this.#failures.push({ habit, connectedAt, at: now(), error: String(error) });
        connection?.destroy();
        connection = undefined;
        await pause(1);
      }
    }
    connection?.destroy();
  }

  #restMs(habit: Habit): number {
    const { everyMs, idleMs } = this.#options;
    return (habit === 'idle' ? idleMs : everyMs) ?? USUAL_MS[habit];
  }

  async #connect(): Promise<Connection> {
    const { host, port } = parseEndpoint(this.#options.at);
    const connection = await createConnection({
      host,
      port,
      user: 'app',
      password: this.#password,
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
    connection.on('error', () => this.#closed.add(connection)).on('end', () => this.#closed.add(connection));
    return connection;
  }
}
