import { z } from 'zod';
import type { DcmhaError } from '../../core/model/errors.ts';
import { isRejected } from './errors.ts';
import type { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';

const processRow = z.object({
  Id: z.coerce.number(),
  User: z.string().nullish(),
  Command: z.string(),
  State: z.string().nullish(),
});

/** A line of the process list. */
export interface ListedSession {
  readonly id: number;
  readonly user: string;
  readonly command: string;
  readonly state: string;
}

/** The server's own threads, appliers and receivers among them; they do not write on behalf of clients. */
const SYSTEM_USERS = new Set(['system user', 'event_scheduler', 'mysql.session', 'mysql.infoschema']);

// Has not logged in: it cannot write yet, and will find the server read-only.
export const NOT_YET = 'unauthenticated user';

const NO_SUCH_THREAD = 1094;
/** Of somebody with more privileges than ours. */
const KILL_DENIED = 1095;

export async function listSessions(session: Session, deadline: Deadline): Promise<readonly ListedSession[]> {
  // SHOW PROCESSLIST works in every version, with performance_schema off, too.
  const rows = z.array(processRow).parse(await session.query('SHOW PROCESSLIST', [], deadline));
  return rows.map(({ Id, User, Command, State }) => ({
    id: Id,
    user: User ?? '',
    command: Command,
    state: State ?? '',
  }));
}

/** Ids of the sessions that belong to clients: those that could write, or wait to. `ownUsers`: dcmha's account and the replicas'. */
export async function listWriters(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<readonly number[]> {
  const sessions = await listSessions(session, deadline);
  return sessions.filter((one) => isWriter(one, ownUsers) && !isKilled(one)).map(({ id }) => id);
}

export function isWriter({ user, command }: ListedSession, ownUsers: readonly string[]): boolean {
  if (user === '' || SYSTEM_USERS.has(user) || user === NOT_YET || ownUsers.includes(user)) return false;
  return command !== 'Daemon' && !command.startsWith('Binlog Dump');
}

/** Its client has been cut off; what it was doing may go on for a while. */
export const isKilled = ({ command }: ListedSession): boolean => command === 'Killed';

/** Who was ended, and who was not, having more privileges than ours. */
export interface KilledWriters {
  readonly killed: readonly number[];
  readonly denied: ReadonlyMap<number, DcmhaError>;
}

/** Ends every session that could write. */
export async function killWriters(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<KilledWriters> {
  const writers = await listWriters(session, ownUsers, deadline);
  const denied = await killSessions(session, writers, deadline);
  return { killed: writers.filter((id) => !denied.has(id)), denied };
}

/** Ends these sessions. Resolves to those of higher privilege than ours, which are still there. */
export async function killSessions(
  session: Session,
  ids: readonly number[],
  deadline: Deadline,
): Promise<ReadonlyMap<number, DcmhaError>> {
  const denied = new Map<number, DcmhaError>();
  for (const id of ids) {
    try {
      await killSession(session, id, deadline);
    } catch (error) {
      if (!isRejected(error, KILL_DENIED)) throw error;
      denied.set(id, error);
    }
  }
  return denied;
}

/** One that is gone already counts as ended. */
export async function killSession(session: Session, id: number, deadline: Deadline): Promise<void> {
  try {
    await session.query(`KILL ${id}`, [], deadline, 'ending a client session');
  } catch (error) {
    if (!isRejected(error, NO_SUCH_THREAD)) throw error;
  }
}
