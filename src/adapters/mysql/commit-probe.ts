import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { CommitProbe } from '../../ports/mysql.ts';
import { Deadline } from '../system/deadline.ts';
import { isRejected, rejectionOf } from './errors.ts';
import { failedProbe } from './probe.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

const REPLACE = 'REPLACE INTO dcmha.heartbeat (id, beat) VALUES (1, NOW(6))';
const CREATE = [
  'CREATE DATABASE IF NOT EXISTS dcmha',
  'CREATE TABLE IF NOT EXISTS dcmha.heartbeat (id TINYINT PRIMARY KEY, beat TIMESTAMP(6) NOT NULL) ENGINE = InnoDB',
];

const NO_SUCH_SCHEMA_OR_TABLE = [1049, 1146];
/** EE_WRITE, full disk, error on write, from the engine, full table, lock wait, binlog impossible, semi-sync hook. */
const CANNOT_COMMIT = new Set([3, 1021, 1026, 1030, 1114, 1205, 1598, 3100]);
/** Table, InnoDB or server in read-only mode. */
const READ_ONLY_STORAGE = new Set([1036, 1836, 1874]);
const OPTION_PREVENTS = 1290;
/** EROFS as the server prints it: `(errno: 30 - Read-only file system)`, `Got error 30`. */
const EROFS = /(errno|error)[: ]+30\b/;

/** A commit that hangs keeps its session, so that a hung disk collects one of them and not one per check; this long at most. */
const HUNG_MS = 60_000;

export class CommitProber {
  readonly #pool: SessionPool;
  readonly #running = new Map<string, Promise<CommitProbe>>();

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  async probe(server: Endpoint, options: CallOptions): Promise<CommitProbe> {
    const name = formatEndpoint(server);
    const running = this.#running.get(name) ?? this.#start(name, server, options);
    const deadline = new Deadline(options);
    try {
      return await deadline.race(
        running,
        () => new DcmhaError('TIMED_OUT', `${name} did not commit within ${options.timeoutMs} ms`),
      );
    } catch (error) {
      return { kind: 'stalled', message: toDcmhaError(error).message };
    }
  }

  #start(name: string, server: Endpoint, options: CallOptions): Promise<CommitProbe> {
    const started = performance.now();
    const running = this.#commit(server, options)
      .then((): CommitProbe => ({ kind: 'committed', tookMs: performance.now() - started }), outcomeOf)
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }

  async #commit(server: Endpoint, options: CallOptions): Promise<void> {
    // To connect is under the caller's deadline: a server that does not answer is `down`, not `stalled`.
    const connecting = new Deadline({ timeoutMs: options.timeoutMs });
    const hung = new Deadline({ timeoutMs: HUNG_MS });
    await this.#pool.with(server, connecting, async (session) => {
      try {
        await session.query(REPLACE, [], hung);
      } catch (error) {
        if (!isRejected(error, ...NO_SUCH_SCHEMA_OR_TABLE)) throw error;
        await create(session, hung);
        await session.query(REPLACE, [], hung);
      }
    });
  }
}

async function create(session: Session, deadline: Deadline): Promise<void> {
  for (const statement of CREATE) await session.query(statement, [], deadline);
}

function outcomeOf(error: unknown): CommitProbe {
  const { message } = toDcmhaError(error);
  const errno = rejectionOf(error) ?? 0;
  if (hasCode(error, 'TIMED_OUT')) return { kind: 'stalled', message };
  if (!hasCode(error, 'MYSQL_REJECTED')) return failedProbe(error);
  if (errno === OPTION_PREVENTS && message.includes('read-only')) return { kind: 'read-only' };
  if (READ_ONLY_STORAGE.has(errno) || EROFS.test(message)) return { kind: 'read-only-fs', message };
  if (CANNOT_COMMIT.has(errno)) return { kind: 'stalled', message };
  return { kind: 'refused', errno, message };
}
