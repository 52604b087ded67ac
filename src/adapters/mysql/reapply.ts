import { z } from 'zod';
import type { Endpoint } from '../../core/model/endpoint.ts';
import { hasCode } from '../../core/model/errors.ts';
import { knownTables, knownTablesQuery } from '../../core/salvage/known-tables.ts';
import type { LookUpTable } from '../../core/salvage/sql-table.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Reapplication, Refusal, TableName } from '../../ports/rollback.ts';
import { Deadline } from '../system/deadline.ts';
import { Session, type Login, type Row } from './session.ts';

/** Literals are of this time zone and this sql_mode. Foreign keys are checked: it is the application's data. */
const settings = [
  "SET NAMES utf8mb4, time_zone = '+00:00', foreign_key_checks = 1",
  "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
];
const shownCharacters = 300;

/** Throws `MYSQL_UNREACHABLE`, `MYSQL_REFUSED`. */
export async function openReapplication(
  server: Endpoint,
  login: Login,
  options: CallOptions,
): Promise<Reapplication> {
  const session = await Session.open(server, login, new Deadline(options));
  try {
    for (const sql of settings) await session.query(sql, [], new Deadline(options));
    return new PrimarySession(session, options);
  } catch (error) {
    session.close();
    throw error;
  }
}

const unsuitableQuery = `SELECT EVENT_OBJECT_SCHEMA AS \`schema\`, EVENT_OBJECT_TABLE AS \`table\`,
    'its triggers would change other rows a second time' AS why FROM information_schema.TRIGGERS
  UNION SELECT t.TABLE_SCHEMA, t.TABLE_NAME, CONCAT('its engine ', t.ENGINE, ' has no transactions')
    FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE t.TABLE_TYPE = 'BASE TABLE' AND e.TRANSACTIONS <> 'YES'`;
const unsuitableTables = z.array(z.object({ schema: z.string(), table: z.string(), why: z.string() }));

class PrimarySession implements Reapplication {
  readonly #session: Session;
  readonly #options: CallOptions;

  constructor(session: Session, options: CallOptions) {
    this.#session = session;
    this.#options = options;
  }

  async tables(): Promise<LookUpTable> {
    return knownTables(await this.#query(knownTablesQuery));
  }

  async unsuitable(): Promise<readonly (TableName & { readonly why: string })[]> {
    return unsuitableTables.parse(await this.#query(unsuitableQuery, 'looking for triggers and engines'));
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.#query(sql, 'counting rows');
    return Number(row?.['n']);
  }

  async run(
    statements: AsyncIterable<string>,
    { commit }: { readonly commit: boolean },
  ): Promise<{ readonly rows: number; readonly refusal?: Refusal }> {
    await this.#query('START TRANSACTION');
    let rows = 0;
    for await (const statement of statements) {
      const why = await this.#change(statement);
      if (why !== undefined) {
        await this.#query('ROLLBACK');
        return { rows, refusal: { statement: statement.slice(0, shownCharacters), why } };
      }
      rows += 1;
    }
    await this.#query(commit ? 'COMMIT' : 'ROLLBACK');
    return { rows };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is open is undone by the server.
    await this.#session.quit();
  }

  /** Why the row was not changed; undefined when it was. */
  async #change(statement: string): Promise<string | undefined> {
    try {
      await this.#query(statement, 'the statement');
      const [row] = await this.#query('SELECT ROW_COUNT() AS n');
      const changed = Number(row?.['n']);
      return changed === 1 ? undefined : 'the row is not there as it was before the transaction';
    } catch (error) {
      if (hasCode(error, 'MYSQL_REJECTED')) return String(error.details['text']);
      throw error;
    }
  }

  #query(sql: string, label = sql): Promise<readonly Row[]> {
    return this.#session.query(sql, [], new Deadline(this.#options), label);
  }
}
