import { hasCode, type DcmhaError } from '../../core/model/errors.ts';
import type { Deadline } from '../system/deadline.ts';
import { LOCK_WAIT_S, type Session } from './session.ts';
import { killSession, listWriters } from './writers.ts';

const LOCK_WAIT_TIMEOUT = 1205;
const KILL_DENIED = 1095;

export interface FenceResult {
  readonly killed: number;
  /** Sessions of higher privilege than ours: still there, though super_read_only keeps them from writing. */
  readonly spared: number;
}

/**
 * super_read_only=ON waits for every running statement and commit, so the writers are ended first, and again until the switch is
 * made; then those that came in between. Sessions that connect later find a read-only server and are left alone.
 */
export async function fenceServer(
  session: Session,
  ownUsers: readonly string[],
  deadline: Deadline,
): Promise<FenceResult> {
  const killed = new Set<number>();
  let denied: DcmhaError | undefined;
  const killWriters = async (): Promise<void> => {
    denied = undefined;
    let spared = 0;
    for (const id of await listWriters(session, ownUsers, deadline)) {
      try {
        await killSession(session, id, deadline);
        killed.add(id);
      } catch (error) {
        if (!hasErrno(error, KILL_DENIED)) throw error;
        denied = error;
        spared += 1;
      }
    }
    sparedNow = spared;
  };
  let sparedNow = 0;

  do {
    await killWriters();
    if (denied !== undefined && deadline.passed) throw denied;
  } while (!(await switchReadOnly(session, deadline)));
  await killWriters();
  await session.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`, [], deadline);
  return { killed: killed.size, spared: sparedNow };
}

/**
 * False when something still holds a lock. Whole seconds are the server's unit: one is how long a round may wait for what it could
 * not end.
 */
async function switchReadOnly(session: Session, deadline: Deadline): Promise<boolean> {
  try {
    await session.query('SET SESSION lock_wait_timeout = 1, GLOBAL super_read_only = ON', [], deadline);
    return true;
  } catch (error) {
    if (hasErrno(error, LOCK_WAIT_TIMEOUT)) return false;
    throw error;
  }
}

function hasErrno(error: unknown, errno: number): error is DcmhaError {
  return hasCode(error, 'MYSQL_REJECTED') && error.details['errno'] === errno;
}
