import { isRejected } from './errors.ts';
import { binlogStatement } from '../../core/salvage/inverse-events.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { TakeBackRequest } from '../../ports/rollback.ts';
import { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';

/** Only this server's own, never replicated: the last transactions that were taken back here. */
const markTable = `CREATE TABLE IF NOT EXISTS dcmha.rollback (
  plan VARCHAR(255) CHARACTER SET ascii NOT NULL PRIMARY KEY, at TIMESTAMP NOT NULL) ENGINE = InnoDB`;
const keptDays = 100;

/**
 * One transaction, in a session that logs nothing; what the session leaves behind when it breaks, the server rolls back. Statements
 * are not shown in messages: they are rows, a megabyte of them.
 */
export async function takeBack(
  session: Session,
  { id, format, rollbackXa, chunks }: TakeBackRequest,
  options: CallOptions,
): Promise<number> {
  await using begun = new Begun(chunks);
  const run = (sql: string, label = sql) => session.query(sql, [], new Deadline(options), label);
  await run('SET SESSION sql_log_bin = 0');
  await run("SET SESSION gtid_next = 'AUTOMATIC'");
  await run('CREATE DATABASE IF NOT EXISTS dcmha');
  await run(markTable);
  for (const xid of rollbackXa) await rollbackPrepared(run, xid);
  // A megabyte of base64 is then neither looked through for characters of several bytes nor converted: 5 % of the server's work.
  await run('SET NAMES binary');
  if (format !== undefined) {
    await run(binlogStatement(format), 'BINLOG (the format of the saved events)');
    // The format description has set it to NOT_YET_DETERMINED.
    await run("SET SESSION gtid_next = 'AUTOMATIC'");
  }
  await run('BEGIN');
  let rows = 0;
  for await (const chunk of begun) {
    options.signal?.throwIfAborted();
    await run(binlogStatement(chunk.events), `BINLOG (${chunk.rows} rows of ${chunk.tables.join(', ')})`);
    rows += chunk.rows;
  }
  await session.query('INSERT INTO dcmha.rollback (plan, at) VALUES (?, NOW())', [id], new Deadline(options));
  await run(`DELETE FROM dcmha.rollback WHERE at < NOW() - INTERVAL ${keptDays} DAY`);
  await run('COMMIT');
  return rows;
}

/** The first chunk is made while the session is prepared. */
class Begun<T> implements AsyncIterable<T>, AsyncDisposable {
  readonly #items: AsyncIterator<T>;
  readonly #first: Promise<IteratorResult<T>>;

  constructor(items: AsyncIterable<T>) {
    this.#items = items[Symbol.asyncIterator]();
    this.#first = this.#items.next();
    // Seen by whoever asks for it, if anybody does.
    this.#first.catch(() => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (let item = await this.#first; item.done !== true; item = await this.#items.next()) yield item.value;
  }

  /** What reads files for it has ended then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#items.return?.();
  }
}

const NO_SUCH_XID = 1397;

/** One that is gone was rolled back by an earlier attempt. */
async function rollbackPrepared(run: (sql: string) => Promise<unknown>, xid: string): Promise<void> {
  try {
    await run(`XA ROLLBACK ${xid}`);
  } catch (error) {
    if (!isRejected(error, NO_SUCH_XID)) throw error;
  }
}
