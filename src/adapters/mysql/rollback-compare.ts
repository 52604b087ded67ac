import { parseGtidSet, type GtidSet } from '../../core/gtid/gtid-set.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Comparison, TableName } from '../../ports/rollback.ts';
import { Deadline } from '../system/deadline.ts';
import { forChannel, type Dialect } from './dialect.ts';
import { checksumOf, digestOf } from './rollback-digest.ts';
import type { Session } from './session.ts';

interface Pair {
  /** The replica. */
  readonly here: Session;
  /** Its primary. */
  readonly there: Session;
  readonly dialect: Dialect;
}

/** A snapshot may hold a commit whose GTID is not told yet, so one difference proves nothing. */
const attempts = 4;
/**
 * A short statement. One that was sent into a network that drops packets is sent again by TCP ever more seldom, a minute after the network is
 * well again at the worst: better to begin anew with another connection.
 */
const quickMs = 10_000;
/** A busy primary commits between two statements now and then. */
const snapshotTries = 1000;

/**
 * On the primary in a snapshot, while it goes on; on the replica stopped where the snapshot is. A table that is on neither is the same on
 * both.
 */
export async function compareTables(
  pair: Pair,
  tables: readonly TableName[],
  options: CallOptions,
): Promise<Comparison> {
  let suspects = tables;
  let executed = '';
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const found = await compareOnce(pair, suspects, options);
    executed = found.executed;
    suspects = found.different;
    if (suspects.length === 0) return { kind: 'same', executed };
  }
  const [table = { schema: '', table: '' }] = suspects;
  return { kind: 'different', table };
}

async function compareOnce(
  { here, there, dialect }: Pair,
  tables: readonly TableName[],
  options: CallOptions,
): Promise<{ readonly different: readonly TableName[]; readonly executed: string }> {
  const channel = forChannel('');
  const run = (sql: string) => here.query(sql, [], new Deadline(options));
  await run(`STOP ${dialect.replica} SQL_THREAD ${channel}`);
  try {
    const quick = { ...options, timeoutMs: Math.min(options.timeoutMs, quickMs) };
    const at = await takeSnapshot(there, quick);
    const text = at.toCompactString();
    await run(`START ${dialect.replica} IO_THREAD ${channel}`);
    await run(`START ${dialect.replica} SQL_THREAD UNTIL SQL_AFTER_GTIDS = '${text}' ${channel}`);
    await arrive(here, at, options);
    const different: TableName[] = [];
    for (const table of tables) {
      if (!(await isSame({ here, there }, table, options))) different.push(table);
    }
    await there.query('ROLLBACK', [], new Deadline(options));
    return { different, executed: text };
  } finally {
    // It went no further than the snapshot; from here on it replicates as before. An applier that has arrived may still be about to stop,
    // and to start one that runs does nothing.
    await run(`STOP ${dialect.replica} SQL_THREAD ${channel}`);
    await run(`START ${dialect.replica} ${channel}`);
  }
}

async function isSame(
  { here, there }: Pick<Pair, 'here' | 'there'>,
  table: TableName,
  options: CallOptions,
): Promise<boolean> {
  const sums = await Promise.all([here, there].map((session) => checksumOf(session, table, options)));
  if (sums[0] === sums[1]) return true;
  const digests = await Promise.all([here, there].map((session) => digestOf(session, table, options)));
  return digests[0] === digests[1];
}

/** Begins a transaction that sees what is committed, and says its GTIDs. */
async function takeSnapshot(there: Session, options: CallOptions): Promise<GtidSet> {
  await there.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', [], new Deadline(options));
  for (let tries = 0; tries < snapshotTries; tries += 1) {
    const before = await readSet(there, options);
    await there.query('START TRANSACTION WITH CONSISTENT SNAPSHOT', [], new Deadline(options));
    const after = await readSet(there, options);
    if (before.equals(after)) return after;
    await there.query('ROLLBACK', [], new Deadline(options));
  }
  throw new DcmhaError('TIMED_OUT', 'the primary commits so often that no moment could be named');
}

/** The replica has the snapshot's transactions, and no others of the primary. */
async function arrive(here: Session, at: GtidSet, options: CallOptions): Promise<void> {
  const sql = 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS late';
  const seconds = Math.max(1, Math.floor(options.timeoutMs / 1000) - 1);
  const [row] = await here.query(
    sql,
    [at.toCompactString(), seconds],
    new Deadline(options),
    'WAIT_FOR_EXECUTED_GTID_SET',
  );
  const executed = await readSet(here, options);
  if (Number(row?.['late']) === 0 && at.contains(executed)) return;
  const more = executed.subtract(at).toCompactString();
  const what =
    more === '' ? 'has not caught up with its primary in time' : `has ${more}, which its primary lacks`;
  throw new DcmhaError('TIMED_OUT', `the replica ${what}`);
}

/** A server's executed set. */
export async function readSet(session: Session, options: CallOptions): Promise<GtidSet> {
  const [row] = await session.query('SELECT @@GLOBAL.gtid_executed AS executed', [], new Deadline(options));
  return parseGtidSet(String(row?.['executed']));
}
