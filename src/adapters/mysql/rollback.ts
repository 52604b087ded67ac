import { z } from 'zod';
import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { TableStanding } from '../../core/rejoin/judge.ts';
import { inversionFacts, inversionQueries } from '../../core/salvage/facts.ts';
import { knownTables, knownTablesQuery } from '../../core/salvage/known-tables.ts';
import type { LookUpTable } from '../../core/salvage/sql-table.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Comparison, Rollback, TableName, TakeBackRequest } from '../../ports/rollback.ts';
import { Deadline } from '../system/deadline.ts';
import { dialectOf, resetGtidsStatement } from './dialect.ts';
import { isRejected } from './errors.ts';
import { compareTables, readSet } from './rollback-compare.ts';
import { burnNames } from './rollback-burn.ts';
import { takeBack } from './rollback-apply.ts';
import { Session, type Login } from './session.ts';

const engineQuery = `SELECT t.TABLE_SCHEMA AS s, t.TABLE_NAME AS t, t.ENGINE AS e FROM information_schema.TABLES t
  JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
  WHERE t.TABLE_TYPE = 'BASE TABLE' AND e.TRANSACTIONS <> 'YES' AND t.TABLE_SCHEMA NOT IN
  ('information_schema', 'performance_schema', 'sys')`;
const engineRows = z.array(z.object({ s: z.string(), t: z.string(), e: z.string() }));

/** Each call has a session of its own: what it sets must not be met by anybody else. */
export function createRollback(login: Login): Rollback {
  return new RollbackServers(login);
}

class RollbackServers implements Rollback {
  readonly #login: Login;

  constructor(login: Login) {
    this.#login = login;
  }

  standing(server: Endpoint, options: CallOptions): Promise<TableStanding> {
    return this.#with(server, options, async (session) => {
      const rows = (sql: string) => session.query(sql, [], new Deadline(options));
      const engines = new Map(
        engineRows.parse(await rows(engineQuery)).map(({ s, t, e }) => [`${s}\0${t}`, e]),
      );
      const facts = inversionFacts({
        columns: await rows(inversionQueries.columns),
        keys: await rows(inversionQueries.keys),
        parents: await rows(inversionQueries.parents),
      });
      return { facts, engineWithout: (schema, table) => engines.get(`${schema}\0${table}`) };
    });
  }

  tables(server: Endpoint, options: CallOptions): Promise<LookUpTable> {
    return this.#with(server, options, async (session) =>
      knownTables(await session.query(knownTablesQuery, [], new Deadline(options))),
    );
  }

  async lift(server: Endpoint, options: CallOptions): Promise<void> {
    await this.#with(server, options, (session) =>
      session.query('SET GLOBAL super_read_only = OFF, GLOBAL read_only = ON', [], new Deadline(options)),
    );
  }

  isMarked(server: Endpoint, id: string, options: CallOptions): Promise<boolean> {
    return this.#with(server, options, (session) => isMarked(session, id, options));
  }

  async takeBack(server: Endpoint, request: TakeBackRequest, options: CallOptions): Promise<number> {
    const before = await this.#with(server, options, async (session) => {
      const bytes = await packetBytes(session, options);
      if (bytes >= neededBytes(request))
        return { kind: 'done', rows: await once(session, request, options) } as const;
      await setPacket(session, largestPacket, options);
      return { kind: 'raised', from: bytes } as const;
    });
    if (before.kind === 'done') return before.rows;
    try {
      return await this.#with(server, options, (session) => once(session, request, options));
    } finally {
      await this.#with(server, options, (session) => setPacket(session, before.from, options));
    }
  }

  resetGtids(
    server: Endpoint,
    sets: { readonly own: string; readonly kept: string },
    options: CallOptions,
  ): Promise<void> {
    return this.#with(server, options, async (session) => {
      const [own, kept] = [parseGtidSet(sets.own), parseGtidSet(sets.kept)];
      const executed = await readSet(session, options);
      if (executed.equals(kept)) return;
      if (!own.contains(executed)) {
        const more = executed.subtract(own).toCompactString();
        const message = `the server executed ${more} since its transactions were saved, so its GTIDs are not reset`;
        throw new DcmhaError('MYSQL_REJECTED', message, { details: { gtids: more } });
      }
      if (!executed.isEmpty()) {
        await session.query(resetGtidsStatement(session.version), [], new Deadline(options));
      }
      if (kept.isEmpty()) return;
      await session.query('SET GLOBAL gtid_purged = ?', [kept.toCompactString()], new Deadline(options));
    });
  }

  burn(server: Endpoint, gtids: string, options: CallOptions): Promise<number> {
    return burnNames(server, this.#login, parseGtidSet(gtids), options);
  }

  async compare(
    { replica, primary }: { readonly replica: Endpoint; readonly primary: Endpoint },
    tables: readonly TableName[],
    options: CallOptions,
  ): Promise<Comparison> {
    return this.#with(primary, options, (there) =>
      this.#with(replica, options, (here) =>
        compareTables({ here, there, dialect: dialectOf(here.version) }, tables, options),
      ),
    );
  }

  async #with<T>(server: Endpoint, options: CallOptions, use: (session: Session) => Promise<T>): Promise<T> {
    const session = await Session.open(server, this.#login, new Deadline(options));
    try {
      return await use(session);
    } finally {
      await session.quit();
    }
  }
}

/** Of what the events become as text, and of the statement around them. */
const textFactor = 1.4;
const leastBytes = 4 * 1024 * 1024;
const largestPacket = 1024 * 1024 * 1024;

function neededBytes({ largestBytes }: TakeBackRequest): number {
  return Math.max(leastBytes, largestBytes * textFactor);
}

/** What a session may send; a change of the global value shows in sessions that begin afterwards. */
async function packetBytes(session: Session, options: CallOptions): Promise<number> {
  const [row] = await session.query(
    'SELECT @@SESSION.max_allowed_packet AS bytes',
    [],
    new Deadline(options),
  );
  return Number(row?.['bytes']);
}

async function once(session: Session, request: TakeBackRequest, options: CallOptions): Promise<number> {
  return (await isMarked(session, request.id, options)) ? 0 : takeBack(session, request, options);
}

async function setPacket(session: Session, bytes: number, options: CallOptions): Promise<void> {
  await session.query('SET GLOBAL max_allowed_packet = ?', [bytes], new Deadline(options));
}

const NO_SUCH_TABLE = 1146;
const NO_SUCH_DATABASE = 1049;

async function isMarked(session: Session, id: string, options: CallOptions): Promise<boolean> {
  try {
    const sql = 'SELECT 1 FROM dcmha.rollback WHERE plan = ?';
    return (await session.query(sql, [id], new Deadline(options))).length > 0;
  } catch (error) {
    if (isRejected(error, NO_SUCH_TABLE, NO_SUCH_DATABASE)) return false;
    throw error;
  }
}
