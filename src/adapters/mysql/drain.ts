import { z } from 'zod';
import { longestDrainMs, type Drained } from '../../ports/switchover.ts';
import { systemClock } from '../system/clock.ts';
import type { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';
import { isKilled, isWriter, listSessions, NOT_YET, type ListedSession } from './writers.ts';

const POLL_MS = 5;

/**
 * All that a look needs, in one answer, of a server that collects it: what that costs clients wait for. Who has not logged in yet has no name, as
 * the server's own threads have none.
 */
const COLLECTED = `SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, t.PROCESSLIST_COMMAND AS command, t.PROCESSLIST_STATE AS state,
 NULLIF(x.EVENT_ID, 0) AS transaction, x.STATE = 'ACTIVE' AS active, x.AUTOCOMMIT = 'YES' AS autocommit, t.INSTRUMENTED = 'YES' AND c.ENABLED = 'YES' AND i.ENABLED = 'YES' AS collected
 FROM performance_schema.threads t JOIN performance_schema.setup_consumers c ON c.NAME = 'events_transactions_current'
 JOIN performance_schema.setup_instruments i ON i.NAME = 'transaction'
 LEFT JOIN performance_schema.events_transactions_current x ON x.THREAD_ID = t.THREAD_ID
 WHERE t.PROCESSLIST_ID IS NOT NULL AND (t.PROCESSLIST_USER IS NOT NULL OR t.NAME = 'thread/sql/one_connection')`;

/** 5.7 does not collect transactions by default. Asked more often than every 100 ms, it says again what it said: then the drain takes all its time. */
const OPEN_IN_INNODB =
  'SELECT trx_mysql_thread_id AS id, trx_id AS transaction FROM information_schema.innodb_trx';

const collectedRow = z.object({
  id: z.coerce.number(),
  user: z.string().nullable(),
  command: z.string().nullable(),
  state: z.string().nullable(),
  transaction: z.coerce.string().nullable(),
  active: z.coerce.number().nullable(),
  autocommit: z.coerce.number().nullable(),
  collected: z.coerce.number(),
});
const transactionRow = z.object({ id: z.coerce.number(), transaction: z.coerce.string() });

/** What one look at a server showed. */
export interface Look {
  /** Each numbers transactions in its own way. */
  readonly of: 'performance_schema' | 'innodb';
  readonly clients: ReadonlyMap<number, ListedSession>;
  /** Session to its open transaction. */
  readonly transactions: ReadonlyMap<number, string>;
  /** Sessions whose transaction ends with the statement that runs. */
  readonly autocommit: ReadonlySet<number>;
  /** Sessions that are known to have had a transaction, or to have one. */
  readonly used: ReadonlySet<number>;
}

/** A last look may end so much later: a session whose answer is not waited for is lost, and the fence that comes next would need a new one. */
export const LAST_LOOK_MS = 500;

export interface DrainOptions {
  /** Whose sessions are no clients'. */
  readonly ownUsers: readonly string[];
  /** Ends these sessions beside; the fence sees to those that it cannot. */
  readonly end: (ids: readonly number[]) => void;
  /** How long clients are waited for. */
  readonly forMs: number;
  /** A look a moment ago: who came since is told by it. */
  readonly before: Look | undefined;
  /** A session of ours that is about to be gone. */
  readonly leaving: number | undefined;
}

/**
 * Waits until every client session was once between two things: asleep without a transaction in two looks in a row; or in another transaction than
 * in the look before, as one that writes row after row always is, which nobody would ever see asleep. A transaction that ends with its statement is
 * not waited for: a fence with a grace does that. Sessions at rest are ended as soon as they are seen: a pool notices that, and whoever uses one later
 * connects anew. Nobody waits for their end. Who came since the first look is waited for longest, until it has had a transaction: what it came for
 * is on its way, and on a busy host that may take as long as its login did.
 */
export async function drain(
  session: Session,
  { ownUsers, end, forMs, leaving, ...last }: DrainOptions,
  deadline: Deadline,
): Promise<Drained> {
  const [usual, longest] = [deadline.within(forMs), deadline.within(longestDrainMs(forMs))];
  const rested = new Set([leaving]);
  const ended = new Set<number>();
  const arriving = new Arriving();
  if (last.before !== undefined) arriving.see(last.before);
  for (let { before } = last; ;) {
    const now = await lookAtClients(session, ownUsers, deadline, before);
    arriving.see(now);
    const clients = [...now.clients.values()];
    const settled = clients.filter(({ id }) => !arriving.has(id));
    for (const one of settled) if (isBetween(one, now, before)) rested.add(one.id);
    const resting = clients.filter((one) => rested.has(one.id) && isAtRest(one, now) && !ended.has(one.id));
    for (const { id } of resting) ended.add(id);
    if (resting.length > 0) end(resting.map(({ id }) => id));
    const busy = clients.filter(({ id }) => !rested.has(id));
    const patience = busy.some(({ id }) => arriving.has(id)) ? longest : usual;
    if (busy.length === 0 || patience.remainingMs() <= POLL_MS * 2) return { busy: busy.length };
    before = now;
    await systemClock.pause(POLL_MS);
  }
}

/** Who had not logged in at the first look, and has had no transaction since. */
class Arriving {
  /** Who is none. */
  readonly #settled = new Set<number>();
  #looks = 0;

  see({ clients, used }: Look): void {
    for (const id of used) this.#settled.add(id);
    this.#looks += 1;
    if (this.#looks > 1) return;
    for (const { id, user } of clients.values()) if (user !== NOT_YET) this.#settled.add(id);
  }

  has(id: number): boolean {
    return !this.#settled.has(id);
  }
}

function isBetween({ id, command }: ListedSession, now: Look, before: Look | undefined): boolean {
  if (now.autocommit.has(id)) return true;
  const then = before?.clients.get(id);
  if (before?.of !== now.of || then === undefined) return false;
  const [earlier, transaction] = [before.transactions.get(id), now.transactions.get(id)];
  if (transaction !== undefined) return earlier !== undefined && earlier !== transaction;
  return command === 'Sleep' && (then.command === 'Sleep' || earlier !== undefined);
}

function isAtRest({ id, command }: ListedSession, { transactions }: Look): boolean {
  return command === 'Sleep' && !transactions.has(id);
}

/** `before`: the last look; what the server did not collect then is not asked for again. */
export async function lookAtClients(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
  before?: Look,
): Promise<Look> {
  const isCollected = before?.of !== 'innodb';
  const collected = isCollected ? await lookAtCollected(session, ownUsers, deadline) : undefined;
  return collected ?? lookAround(session, ownUsers, deadline);
}

/** Undefined where the server does not collect all transactions. */
async function lookAtCollected(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<Look | undefined> {
  const found = await session.query(COLLECTED, [], deadline, 'looking at its clients');
  const rows = found.map((row) => collectedRow.parse(row));
  // Our own session is always among them.
  if (rows.length === 0 || rows.some(({ collected }) => collected !== 1)) return undefined;
  const clients = rows
    .map(({ id, user, command, state }) => ({
      id,
      user: user ?? NOT_YET,
      command: command ?? '',
      state: state ?? '',
    }))
    .filter((one) => isClient(one, ownUsers));
  const used = rows.flatMap(({ transaction, ...row }) =>
    transaction === null ? [] : [{ ...row, transaction }],
  );
  const open = used.filter(({ active }) => active === 1);
  return {
    of: 'performance_schema',
    clients: byId(clients),
    transactions: new Map(open.map(({ id, transaction }) => [id, transaction])),
    autocommit: new Set(open.filter(({ autocommit }) => autocommit === 1).map(({ id }) => id)),
    used: new Set(used.map(({ id }) => id)),
  };
}

/** Any server tells this, in two answers. */
async function lookAround(session: Session, ownUsers: readonly string[], deadline: Deadline): Promise<Look> {
  const clients = (await listSessions(session, deadline)).filter((one) => isClient(one, ownUsers));
  const rows = await session.query(OPEN_IN_INNODB, [], deadline, 'looking for open transactions');
  const open = rows.map((row) => transactionRow.parse(row));
  return {
    of: 'innodb',
    clients: byId(clients),
    transactions: new Map(open.map(({ id, transaction }) => [id, transaction])),
    autocommit: new Set(),
    used: new Set(open.map(({ id }) => id)),
  };
}

const byId = (sessions: readonly ListedSession[]): ReadonlyMap<number, ListedSession> =>
  new Map(sessions.map((one) => [one.id, one]));

// Who is just logging in is a client, too, of whom nobody knows the name yet.
function isClient(one: ListedSession, ownUsers: readonly string[]): boolean {
  return !isKilled(one) && (isWriter(one, ownUsers) || one.user === NOT_YET);
}
