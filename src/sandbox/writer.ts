import { type Connection, createConnection } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../core/model/endpoint.ts';

export interface WriterOptions {
  /** `host:port` of a router's write listener. */
  readonly at: string;
  readonly user: string;
  readonly password: string;
  /** In schema `app`; made when absent. */
  readonly table?: string | undefined;
  /** Between two rows; 0: as fast as it goes. */
  readonly everyMs?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly insertTimeoutMs?: number | undefined;
}

/** A time without acknowledged rows in which attempts failed. Times are ms since 1970, with fractions. */
export interface Outage {
  /** The last acknowledgement before. */
  readonly from: number;
  /** The first one after. */
  readonly to: number;
  readonly ms: number;
  readonly failures: number;
  /** What the client was told, first to last, without repetitions. */
  readonly errors: readonly string[];
}

export interface WriterProgress {
  readonly acknowledged: number;
  readonly failures: number;
  /** ms since the last acknowledgement. */
  readonly silentMs: number;
}

export interface WriterReport {
  readonly table: string;
  /** Numbers of the rows that were acknowledged, ascending. */
  readonly acknowledged: readonly number[];
  /** Numbers whose fate the client was not told. */
  readonly unknown: readonly number[];
  readonly outages: readonly Outage[];
}

// A client that has lost its connection comes back at once, but does not spin.
const RETRY_MS = 5;

interface Failing {
  failures: number;
  readonly errors: Set<string>;
}

const now = () => performance.timeOrigin + performance.now();

/**
 * A client that inserts rows 1, 2, 3, ... and reconnects whenever something fails, as applications behind HAProxy do. A number is
 * used once: a row whose outcome is unknown is never sent again, so what is found can be compared with what was acknowledged.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #stopping = new AbortController();
  readonly #acknowledged: number[] = [];
  readonly #unknown: number[] = [];
  readonly #outages: Outage[] = [];
  #failing: Failing | undefined;
  #failures = 0;
  #lastAt = now();
  #connection: Connection | undefined;
  #work: Promise<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  get #table(): string {
    return `app.${this.#options.table ?? 'writes'}`;
  }

  start(): void {
    this.#work ??= this.#run();
  }

  progress(): WriterProgress {
    return {
      acknowledged: this.#acknowledged.length,
      failures: this.#failures,
      silentMs: now() - this.#lastAt,
    };
  }

  async stop(): Promise<WriterReport> {
    this.#stopping.abort();
    await this.#work;
    this.#connection?.destroy();
    return {
      table: this.#table,
      acknowledged: this.#acknowledged,
      unknown: this.#unknown,
      outages: this.#outages,
    };
  }

  async #run(): Promise<void> {
    let number = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        const connection = (this.#connection ??= await this.#connect(number === 0));
        number += 1;
        await this.#insert(connection, number);
        this.#succeeded(number);
        if ((this.#options.everyMs ?? 0) > 0) await pause(this.#options.everyMs);
      } catch (error) {
        this.#failed(error);
        await pause(RETRY_MS);
      }
    }
  }

  async #connect(first: boolean): Promise<Connection> {
    const { at, user, password, connectTimeoutMs = 300 } = this.#options;
    const connection = await createConnection({
      ...parseEndpoint(at),
      user,
      password,
      connectTimeout: connectTimeoutMs,
    });
    connection.on('error', () => undefined);
    if (first) {
      const columns =
        'id BIGINT UNSIGNED PRIMARY KEY, at DATETIME(6) NOT NULL, filler VARBINARY(64) NOT NULL';
      await connection.query(`CREATE TABLE IF NOT EXISTS ${this.#table} (${columns})`);
    }
    return connection;
  }

  async #insert(connection: Connection, number: number): Promise<void> {
    try {
      const sql = `INSERT INTO ${this.#table} VALUES (?, NOW(6), REPEAT('x', 64))`;
      await connection.query({ sql, values: [number], timeout: this.#options.insertTimeoutMs ?? 1000 });
    } catch (error) {
      this.#unknown.push(number);
      throw error;
    }
  }

  #succeeded(number: number): void {
    const at = now();
    if (this.#failing !== undefined && this.#acknowledged.length > 0) {
      const { failures, errors } = this.#failing;
      this.#outages.push({
        from: this.#lastAt,
        to: at,
        ms: at - this.#lastAt,
        failures,
        errors: [...errors],
      });
    }
    this.#failing = undefined;
    this.#acknowledged.push(number);
    this.#lastAt = at;
  }

  #failed(error: unknown): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#failures += 1;
    this.#failing ??= { failures: 0, errors: new Set() };
    this.#failing.failures += 1;
    this.#failing.errors.add(error instanceof Error ? error.message : String(error));
  }
}
