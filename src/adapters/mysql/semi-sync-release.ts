import { systemClock } from '../system/clock.ts';
import type { Deadline } from '../system/deadline.ts';
import { isRejected } from './errors.ts';
import type { Session } from './session.ts';
import { isKilled, isWriter, killSession, listSessions } from './writers.ts';

const LOOK_EVERY_MS = 50;
const IN_LINE = /^Waiting for (global read|commit) lock/;
const UNKNOWN_VARIABLE = 1193;
/** By the generation of the plugin. */
const VARIABLES = ['rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_enabled'] as const;

export interface Switching {
  /** The session in which super_read_only is being switched on. */
  readonly threadId: number;
  readonly ownUsers: readonly string[];
  /** Aborted once it is on, or has failed. */
  readonly done: AbortSignal;
}

/**
 * A commit that waits for a semi-synchronous replica holds super_read_only up, even when its session was killed. It is let go, by switching
 * semi-sync off for a moment, once nobody can be told that it succeeded: the switch stands in line, so that no new statement can write, and
 * every client that was there before has been cut off. True when it was done.
 */
export async function releaseWaitingCommits(
  session: Session,
  { threadId, ownUsers, done }: Switching,
  deadline: Deadline,
): Promise<boolean> {
  /** Whoever connected later has found the switch in line, and has written nothing. */
  let newest: number | undefined;
  while (!done.aborted && !deadline.passed) {
    const sessions = await listSessions(session, deadline);
    if (sessions.some((one) => one.id === threadId && IN_LINE.test(one.state))) {
      const last = (newest ??= Math.max(...sessions.map(({ id }) => id)));
      const old = sessions.filter((one) => one.id <= last && isWriter(one, ownUsers) && !isKilled(one));
      const waiting = sessions.some(({ state }) => state.startsWith('Waiting for semi-sync ACK'));
      if (old.length === 0 && waiting) return switchOffFor(session, done, deadline);
      for (const { id } of old) await killSession(session, id, deadline);
    }
    await systemClock.pause(LOOK_EVERY_MS, done);
  }
  return false;
}

async function switchOffFor(session: Session, done: AbortSignal, deadline: Deadline): Promise<boolean> {
  const variable = await switchOff(session, deadline);
  if (variable === undefined) return false;
  await systemClock.pause(deadline.remainingMs(), done);
  await session.query(`SET GLOBAL ${variable} = ON`, [], deadline.within(1000));
  return true;
}

async function switchOff(session: Session, deadline: Deadline): Promise<string | undefined> {
  for (const variable of VARIABLES) {
    try {
      await session.query(`SET GLOBAL ${variable} = OFF`, [], deadline);
      return variable;
    } catch (error) {
      if (!isRejected(error, UNKNOWN_VARIABLE)) throw error;
    }
  }
  return undefined;
}
