import { z } from 'zod';
import type { Drained } from '../../ports/switchover.ts';
import { systemClock } from '../system/clock.ts';
import type { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';
import { isKilled, isWriter, listSessions, type ListedSession } from './writers.ts';

const POLL_MS = 5;

const transactionRow = z.object({ id: z.coerce.number() });

/**
 * Waits for clients that are in the middle of something: in a statement, in a transaction, or new since the look before, for then their first
 * statement is on its way.
 */
export async function drain(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<Drained> {
  let known: ReadonlySet<number> | undefined;
  for (;;) {
    const clients = (await listSessions(session, deadline)).filter((one) => isClient(one, ownUsers));
    const inTransaction = await transactionsOf(session, deadline);
    const before = known;
    const busy = clients.filter(
      (one) => one.command !== 'Sleep' || inTransaction.has(one.id) || before?.has(one.id) !== true,
    ).length;
    if (busy === 0 || deadline.remainingMs() <= POLL_MS * 2) return { busy };
    known = new Set(clients.map(({ id }) => id));
    await systemClock.pause(POLL_MS);
  }
}

// Who is just logging in is a client, too, of whom nobody knows the name yet.
function isClient(one: ListedSession, ownUsers: readonly string[]): boolean {
  return !isKilled(one) && (isWriter(one, ownUsers) || one.user === 'unauthenticated user');
}

async function transactionsOf(session: Session, deadline: Deadline): Promise<ReadonlySet<number>> {
  const rows = await session.query(
    'SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx',
    [],
    deadline,
    'looking for open transactions',
  );
  return new Set(rows.map((row) => transactionRow.parse(row).id));
}
