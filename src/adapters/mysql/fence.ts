import { systemClock } from '../system/clock.ts';
import type { Deadline } from '../system/deadline.ts';
import { isRejected } from './errors.ts';
import { stopRegionalAppliers } from './regional-channel.ts';
import { LOCK_WAIT_S, type Session } from './session.ts';
import { releaseWaitingCommits } from './semi-sync-release.ts';
import { killWriters, type KilledWriters } from './writers.ts';

const LOCK_WAIT_TIMEOUT = 1205;
/** The switch is quick where nothing is in its way. */
const USUAL_MS = 100;

export interface FenceResult {
  readonly killed: number;
  /** Sessions of higher privilege than ours: still there, though super_read_only keeps them from writing. */
  readonly spared: number;
  /** Commits that waited for a semi-synchronous replica were let go, their clients cut off before. */
  readonly released: boolean;
  /** A regional channel may still be applied. */
  readonly applying: boolean;
  readonly executed: string;
}

export interface FenceOptions {
  readonly ownUsers: readonly string[];
  /** Another session, for what must be done while the first one waits; closed by whom it is given to. */
  readonly connect: () => Promise<Session>;
  /** How long what runs may take to end before anybody is killed; undefined: they are killed first. */
  readonly graceMs?: number | undefined;
}

/**
 * super_read_only=ON waits for every running statement and commit, so the writers are ended first, and again until the switch is
 * made; then those that came in between. Sessions that connect later find a read-only server and are left alone. With a grace the first switch is
 * made without: while it stands in line no statement that writes begins, and clients are told of those that end. If that works nobody is killed:
 * somebody waits for the answer, and read-only they all are.
 */
export async function fenceServer(
  session: Session,
  options: FenceOptions,
  deadline: Deadline,
): Promise<FenceResult> {
  let released = false;
  let denied: KilledWriters['denied'] = new Map();
  const killed = new Set<number>();
  const killAll = async (): Promise<void> => {
    const round = await killWriters(session, options.ownUsers, deadline);
    denied = round.denied;
    for (const id of round.killed) killed.add(id);
  };

  let graceMs = options.graceMs;
  for (;;) {
    if (graceMs === undefined) await killAll();
    const [refusal] = denied.values();
    if (refusal !== undefined && deadline.passed) throw refusal;
    const switched = await switchReadOnly(session, { ...options, graceMs }, deadline);
    released ||= switched.released;
    if (switched.on) break;
    graceMs = undefined;
  }
  if (graceMs === undefined) await killAll();
  const applying = !(await stopRegionalAppliers(session, deadline));
  const [row] = await session.query('SELECT @@GLOBAL.gtid_executed AS executed', [], deadline);
  // Before whatever this session does next, and nobody waits for it.
  session.query(`SET SESSION lock_wait_timeout = ${LOCK_WAIT_S}`, [], deadline).catch(() => session.close());
  const executed = String(row?.['executed']).replaceAll(/\s+/g, '');
  return { killed: killed.size, spared: denied.size, released, applying, executed };
}

interface Switched {
  readonly on: boolean;
  readonly released: boolean;
}

/**
 * Not on when something still holds a lock. Whole seconds are the server's unit: one is how long a round may wait for what it could
 * not end.
 */
async function switchReadOnly(
  session: Session,
  options: FenceOptions,
  deadline: Deadline,
): Promise<Switched> {
  const done = new AbortController();
  const released = releaseMeanwhile(session.threadId, options, { done: done.signal, deadline });
  try {
    await session.query('SET SESSION lock_wait_timeout = 1, GLOBAL super_read_only = ON', [], deadline);
    done.abort();
    return { on: true, released: await released };
  } catch (error) {
    done.abort();
    if (isRejected(error, LOCK_WAIT_TIMEOUT)) return { on: false, released: await released };
    throw error;
  }
}

async function releaseMeanwhile(
  threadId: number,
  { connect, ownUsers, graceMs = USUAL_MS }: FenceOptions,
  { done, deadline }: { readonly done: AbortSignal; readonly deadline: Deadline },
): Promise<boolean> {
  await systemClock.pause(graceMs, done);
  if (done.aborted) return false;
  try {
    const session = await connect();
    try {
      return await releaseWaitingCommits(session, { threadId, ownUsers, done }, deadline);
    } finally {
      session.close();
    }
  } catch {
    // The switch itself says what is wrong.
    return false;
  }
}
