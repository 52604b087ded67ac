import { z } from 'zod';
import type { Drained } from '../../ports/switchover.ts';
import { systemClock } from '../system/clock.ts';
import type { Deadline } from '../system/deadline.ts';
import { isRejected } from './errors.ts';
import type { Session } from './session.ts';
import {
  isKilled,
  isWriter,
  KILL_DENIED,
  killSession,
  listSessions,
  NOT_YET,
  type ListedSession,
} from './writers.ts';

const POLL_MS = 5;

const OPEN = `SELECT t.PROCESSLIST_ID AS id, x.EVENT_ID AS transaction FROM performance_schema.events_transactions_current x
 JOIN performance_schema.threads t USING (THREAD_ID) WHERE x.STATE = 'ACTIVE' AND t.PROCESSLIST_ID IS NOT NULL`;

/** 5.7 does not collect the others by default. Asked more often than every 100 ms, it says again what it said: then the drain takes all its time. */
const OPEN_IN_INNODB =
  'SELECT trx_mysql_thread_id AS id, trx_id AS transaction FROM information_schema.innodb_trx';

const COLLECTED = `SELECT COUNT(*) AS n FROM performance_schema.setup_consumers c, performance_schema.setup_instruments i
 WHERE c.NAME = 'events_transactions_current' AND c.ENABLED = 'YES' AND i.NAME = 'transaction' AND i.ENABLED = 'YES'`;

const transactionRow = z.object({ id: z.coerce.number(), transaction: z.coerce.string() });

/** What one look at a server showed. */
interface Look {
  readonly clients: ReadonlyMap<number, ListedSession>;
  /** Session to its open transaction. */
  readonly transactions: ReadonlyMap<number, string>;
}

/**
 * Waits until every client session was once between two things: asleep without a transaction in two looks in a row, for of a new one the first
 * statement may be on its way; or in another transaction than in the look before, as one that writes row after row always is, which nobody would
 * ever see asleep. Sessions at rest are ended as soon as they are seen: a pool notices that, and whoever uses one later connects anew.
 */
export async function drain(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<Drained> {
  const rested = new Set<number>();
  const [collected] = await session.query(COLLECTED, [], deadline, 'asking what it collects');
  const how = { ownUsers, open: Number(collected?.['n']) === 0 ? OPEN_IN_INNODB : OPEN };
  let before: Look | undefined;
  for (;;) {
    const now = await lookAround(session, how, deadline);
    for (const [id, client] of now.clients) {
      if (isBetween(client, now, before)) rested.add(id);
      if (rested.has(id) && isAtRest(client, now)) await endIfAllowed(session, id, deadline);
    }
    const busy = [...now.clients.keys()].filter((id) => !rested.has(id)).length;
    if (busy === 0 || deadline.remainingMs() <= POLL_MS * 2) return { busy };
    before = now;
    await systemClock.pause(POLL_MS);
  }
}

function isBetween({ id, command }: ListedSession, now: Look, before: Look | undefined): boolean {
  const [then, transaction] = [before?.clients.get(id), now.transactions.get(id)];
  if (then === undefined || then.user === NOT_YET) return false;
  const earlier = before?.transactions.get(id);
  if (transaction !== undefined) return earlier !== undefined && earlier !== transaction;
  return command === 'Sleep' && (then.command === 'Sleep' || earlier !== undefined);
}

function isAtRest({ id, command }: ListedSession, { transactions }: Look): boolean {
  return command === 'Sleep' && !transactions.has(id);
}

/** The fence sees to the others. */
async function endIfAllowed(session: Session, id: number, deadline: Deadline): Promise<void> {
  try {
    await killSession(session, id, deadline);
  } catch (error) {
    if (!isRejected(error, KILL_DENIED)) throw error;
  }
}

async function lookAround(
  session: Session,
  { ownUsers, open: sql }: { readonly ownUsers: readonly string[]; readonly open: string },
  deadline: Deadline,
): Promise<Look> {
  const clients = (await listSessions(session, deadline)).filter((one) => isClient(one, ownUsers));
  const rows = await session.query(sql, [], deadline, 'looking for open transactions');
  const open = rows.map((row) => transactionRow.parse(row));
  return {
    clients: new Map(clients.map((one) => [one.id, one])),
    transactions: new Map(open.map(({ id, transaction }) => [id, transaction])),
  };
}

// Who is just logging in is a client, too, of whom nobody knows the name yet.
function isClient(one: ListedSession, ownUsers: readonly string[]): boolean {
  return !isKilled(one) && (isWriter(one, ownUsers) || one.user === NOT_YET);
}
