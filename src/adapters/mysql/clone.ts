import { z } from 'zod';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { hasCode } from '../../core/model/errors.ts';
import { isRejected } from './errors.ts';
import type { CloneFacts, CloneStanding, Cloning } from '../../ports/clone.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { Deadline } from '../system/deadline.ts';
import { readSet } from './rollback-compare.ts';
import { Session, type Login } from './session.ts';

/** CLONE by the account that manages the servers. Each call has a session of its own. */
export function createCloning(login: Login): Cloning {
  return new CloningServers(login);
}

/** No such table: the plugin was never loaded since the server started. */
const NO_SUCH_TABLE = 1146;
/** The plugin is there already. */
const UDF_EXISTS = 1125;
/** "Restart server failed (mysqld is not managed by supervisor process)": the copy is made, and mysqld ends. */
const RESTART_FAILED = 3707;
const fewStrangers = 5;
const connectMs = 10_000;

const statusRow = z.object({
  state: z.string(),
  begunAt: z.string().nullable(),
  source: z.string().nullable(),
  errno: z.coerce.number(),
  error: z.string().nullable(),
  isAlive: z.coerce.number(),
  dropped: z.string().nullable(),
  synced: z.string().nullable(),
  copied: z.coerce.number(),
});
// A server that was killed says In Progress for ever, so its session is looked for; the statement's text is not shown there.
const statusQuery = `SELECT s.STATE AS state, CAST(UNIX_TIMESTAMP(s.BEGIN_TIME) AS CHAR) AS begunAt, s.SOURCE AS source, s.ERROR_NO AS errno, s.ERROR_MESSAGE AS error,
  (SELECT COUNT(*) FROM performance_schema.threads t WHERE s.PID > 0 AND t.PROCESSLIST_ID = s.PID AND t.PROCESSLIST_COMMAND = 'Query') AS isAlive,
  (SELECT p.STATE FROM performance_schema.clone_progress p WHERE p.STAGE = 'DROP DATA' LIMIT 1) AS dropped,
  (SELECT p.STATE FROM performance_schema.clone_progress p WHERE p.STAGE = 'FILE SYNC' LIMIT 1) AS synced,
  (SELECT IFNULL(SUM(p.DATA), 0) FROM performance_schema.clone_progress p) AS copied
  FROM performance_schema.clone_status s ORDER BY s.ID DESC LIMIT 1`;

const strangersQuery = `SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS \`table\`, ENGINE AS engine FROM information_schema.TABLES
  WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'BLACKHOLE')
  AND TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1 LIMIT ${fewStrangers}`;
const strangerRows = z.array(z.object({ table: z.string(), engine: z.string() }));
const pluginQuery =
  "SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone' AND PLUGIN_STATUS = 'ACTIVE'";
const sizeQuery = 'SELECT IFNULL(SUM(ALLOCATED_SIZE), 0) AS bytes FROM information_schema.INNODB_TABLESPACES';

class CloningServers implements Cloning {
  readonly #login: Login;

  constructor(login: Login) {
    this.#login = login;
  }

  facts(server: Endpoint, options: CallOptions): Promise<CloneFacts> {
    return this.#with(server, options, async (session) => {
      const rows = (sql: string) => session.query(sql, [], new Deadline(options));
      return {
        version: session.version,
        isActive: (await rows(pluginQuery)).length > 0,
        executed: (await readSet(session, options)).toCompactString(),
        strangers: strangerRows.parse(await rows(strangersQuery)),
        sizeBytes: Number((await rows(sizeQuery))[0]?.['bytes']),
      };
    });
  }

  standing(server: Endpoint, options: CallOptions): Promise<CloneStanding> {
    return this.#with(server, options, async (session) => {
      try {
        const [row] = await session.query(statusQuery, [], new Deadline(options), 'the state of a CLONE');
        return row === undefined ? { kind: 'none' } : standingOf(statusRow.parse(row));
      } catch (error) {
        if (isRejected(error, NO_SUCH_TABLE)) return { kind: 'none' };
        throw error;
      }
    });
  }

  install(server: Endpoint, options: CallOptions): Promise<void> {
    return this.#with(server, options, async (session) => {
      if ((await session.query(pluginQuery, [], new Deadline(options))).length > 0) return;
      try {
        await session.query("INSTALL PLUGIN clone SONAME 'mysql_clone.so'", [], new Deadline(options));
      } catch (error) {
        if (!isRejected(error, UDF_EXISTS)) throw error;
      }
    });
  }

  clone(server: Endpoint, donor: Endpoint, options: CallOptions): Promise<void> {
    const { user, password, ssl } = this.#login;
    return this.#with(server, options, async (session) => {
      const list = 'SET GLOBAL clone_valid_donor_list = ?';
      await session.query(list, [formatEndpoint(donor)], new Deadline(options));
      const sql = `CLONE INSTANCE FROM ?@?:? IDENTIFIED BY ?${ssl === undefined ? '' : ' REQUIRE SSL'}`;
      const label = `CLONE INSTANCE FROM ${formatEndpoint(donor)}`;
      try {
        await session.query(sql, [user, donor.host, donor.port, password], new Deadline(options), label);
      } catch (error) {
        // With a supervisor the connection ends with the server.
        const hasEnded = hasCode(error, 'MYSQL_UNREACHABLE') || isRejected(error, RESTART_FAILED);
        if (!hasEnded) throw error;
      }
    });
  }

  async #with<T>(server: Endpoint, options: CallOptions, use: (session: Session) => Promise<T>): Promise<T> {
    const session = await Session.open(server, this.#login, new Deadline(options).within(connectMs));
    try {
      return await use(session);
    } finally {
      await session.quit();
    }
  }
}

function standingOf(row: z.infer<typeof statusRow>): CloneStanding {
  const begunAt = row.begunAt ?? '';
  if (row.state === 'Completed') return { kind: 'complete', begunAt, donor: row.source ?? '' };
  // The copy is whole: it becomes the server's when mysqld starts next, which is soon.
  const isWaiting = row.state === 'In Progress' && row.synced === 'Completed';
  if (row.isAlive > 0 || isWaiting) {
    const hasDropped = row.dropped === 'Completed';
    return { kind: 'running', begunAt, hasDropped, copiedBytes: row.copied };
  }
  const why = row.error === null || row.error === '' ? 'it was interrupted' : `${row.error} (${row.errno})`;
  const isUntouched = row.dropped === null || row.dropped === 'Not Started';
  return { kind: isUntouched ? 'refused' : 'half', begunAt, why };
}
