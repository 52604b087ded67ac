import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { loadZstd } from '../../src/adapters/system/zstd.ts';
import { BinlogReader } from '../../src/core/binlog/binlog-reader.ts';
import type { Decompress } from '../../src/core/binlog/payload.ts';
import { EventBodies } from '../../src/core/salvage/event-bodies.ts';
import { inversionFacts, inversionQueries } from '../../src/core/salvage/facts.ts';
import { binlogStatement, inverseFormat } from '../../src/core/salvage/inverse-events.ts';
import {
  invertTransactions,
  planInversion,
  type InversionFacts,
  type InversionPlan,
} from '../../src/core/salvage/invert.ts';
import { knownTables, knownTablesQuery } from '../../src/core/salvage/known-tables.ts';
import { sessionPreamble, SqlRenderer, type RenderOptions } from '../../src/core/salvage/render.ts';
import type { Survey } from '../../src/core/salvage/survey-model.ts';
import { Surveyor } from '../../src/core/salvage/survey.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { RealServers } from './real-mysql.ts';

export interface LogPosition {
  readonly file: string;
  readonly offset: number;
}

export interface Tail {
  readonly surveys: readonly Survey[];
  /** The whole format description event of the file. */
  readonly format: Buffer;
}

/** A real server whose transactions are read from its files and taken back. */
export class RollbackWorld implements AsyncDisposable {
  readonly server: MysqldHandle;
  readonly bodies: EventBodies;
  readonly #servers: RealServers;
  readonly #decompress: Decompress;
  #client: Connection;

  private constructor(
    servers: RealServers,
    server: MysqldHandle,
    client: Connection,
    decompress: Decompress,
  ) {
    this.#servers = servers;
    this.server = server;
    this.#client = client;
    this.#decompress = decompress;
    const read = (file: string, offset: number, size: number): Promise<Buffer> =>
      Promise.resolve(readFileSync(this.#pathOf(file)).subarray(offset, offset + size));
    this.bodies = new EventBodies({ read, decompress, windowBytes: 10_000 });
  }

  static async start(
    host: string,
    options: Readonly<Record<string, string | number>> = {},
  ): Promise<RollbackWorld> {
    const servers = new RealServers();
    try {
      const server = await servers.start(host, { max_allowed_packet: '256M', ...options });
      const client = await servers.client(server, 'root');
      await client.query('SET GLOBAL super_read_only = OFF, read_only = OFF');
      return new RollbackWorld(servers, server, client, await loadZstd());
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get client(): Connection {
    return this.#client;
  }

  /** An orderly restart; what was a session's is gone. */
  async restart(): Promise<void> {
    await this.server.stop();
    await this.server.start();
    this.#client = await this.#servers.client(this.server, 'root');
    await this.#client.query('SET GLOBAL super_read_only = OFF, read_only = OFF');
  }

  #pathOf(file: string): string {
    return path.join(this.server.dataDir, file);
  }

  async rows(sql: string): Promise<RowDataPacket[]> {
    const [rows] = await this.client.query<RowDataPacket[]>(sql);
    return rows;
  }

  async position(): Promise<LogPosition> {
    const [status] = await this.rows('SHOW BINARY LOG STATUS');
    return { file: String(status?.['File']), offset: Number(status?.['Position']) };
  }

  /** What the file has from the position on. */
  tail({ file, offset }: LogPosition): Tail {
    const bytes = readFileSync(this.#pathOf(file));
    const reader = new BinlogReader({ file, decompress: this.#decompress });
    const surveyor = new Surveyor();
    const surveys: Survey[] = [];
    for (const event of reader.push(bytes)) {
      const survey = surveyor.accept(event);
      if (survey !== undefined && survey.transaction.start >= offset) surveys.push(survey);
    }
    return { surveys, format: bytes.subarray(4, 4 + bytes.readUInt32LE(4 + 9)) };
  }

  async facts(): Promise<InversionFacts> {
    return inversionFacts({
      columns: await this.rows(inversionQueries.columns),
      keys: await this.rows(inversionQueries.keys),
      parents: await this.rows(inversionQueries.parents),
    });
  }

  async plan(tail: Tail): Promise<InversionPlan> {
    return planInversion(tail.surveys, await this.facts());
  }

  /** Takes back what the tail has, in one transaction that is not logged; how many rows. */
  async undo(tail: Tail, eventBytes?: number): Promise<number> {
    const plan = await this.plan(tail);
    if (plan.kind !== 'plan') throw new Error(`${plan.reason}: ${plan.what}`);
    const { client } = this;
    let rows = 0;
    await client.query('SET sql_log_bin = 0');
    await client.query("SET gtid_next = 'AUTOMATIC'");
    await client.query(binlogStatement(inverseFormat(tail.format)));
    await client.query("SET gtid_next = 'AUTOMATIC'");
    for (const xid of plan.rollbackXa) await client.query(`XA ROLLBACK ${xid}`);
    await client.query('BEGIN');
    for await (const chunk of invertTransactions(
      plan.undo,
      (survey, entry) => this.bodies.read(survey, entry),
      eventBytes,
    )) {
      await client.query(binlogStatement(chunk.events));
      rows += chunk.rows;
    }
    await client.query('COMMIT');
    await client.query('SET sql_log_bin = 1');
    return rows;
  }

  /** Runs a transaction, or what undoes it, as the SQL that is shown to people: each statement must meet one row. */
  async runAsSql(
    surveys: readonly Survey[],
    options: Pick<RenderOptions, 'direction' | 'match'>,
  ): Promise<number> {
    const lookUp = knownTables(await this.rows(knownTablesQuery));
    const renderer = new SqlRenderer((survey, entry) => this.bodies.read(survey, entry), {
      ...options,
      lookUp,
    });
    let statements = 0;
    for (const sql of [...sessionPreamble.split(';\n'), 'SET sql_log_bin = 0']) {
      if (sql !== '') await this.client.query(sql);
    }
    for (const survey of options.direction === 'forward' ? surveys : surveys.toReversed()) {
      for await (const piece of renderer.render(survey))
        statements += await this.#runLines(piece.toString('utf8'));
    }
    await this.client.query('SET sql_log_bin = 1');
    return statements;
  }

  async #runLines(text: string): Promise<number> {
    let statements = 0;
    for (const line of text.split(';\n').map((lines) => lines.replace(/^(--.*\n)+/, ''))) {
      if (line === '') continue;
      const [result] = await this.client.query<ResultSetHeader>(line);
      if (line === 'BEGIN' || line === 'COMMIT') continue;
      if (result.affectedRows !== 1) throw new Error(`${result.affectedRows} rows: ${line.slice(0, 3000)}`);
      statements++;
    }
    return statements;
  }

  /** All rows of a schema's tables, invisible columns too, as bytes; what two states are compared by. */
  async snapshot(schema: string): Promise<Readonly<Record<string, readonly string[]>>> {
    await this.client.query('SET SESSION group_concat_max_len = 100000');
    const columns = await this
      .rows(`SELECT TABLE_NAME AS t, GROUP_CONCAT(CONCAT('\`', COLUMN_NAME, '\`') ORDER BY ORDINAL_POSITION) AS c
      FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '${schema}' GROUP BY TABLE_NAME`);
    const state: Record<string, readonly string[]> = {};
    for (const { t, c } of columns) {
      const [rows] = await this.client.query<RowDataPacket[][]>({
        sql: `SELECT ${String(c)} FROM \`${schema}\`.\`${String(t)}\``,
        rowsAsArray: true,
        typeCast: (field) => field.buffer()?.toString('latin1') ?? null,
      });
      state[String(t)] = rows.map((row) => JSON.stringify(row)).sort();
    }
    return state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]();
  }
}
