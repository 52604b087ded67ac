import { DcmhaError, hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { CloneStep } from '../../core/rejoin/clone-plan.ts';
import { outcomeOf, type RejoinOutcome, type RejoinPlan } from '../../core/rejoin/plan.ts';
import { clearBurnt, readBurnt } from '../../core/store/burnt.ts';
import type { CloneStanding } from '../../ports/clone.ts';
import { chooseDonor, cloneDepsOf } from './clone-donor.ts';
import { refused } from './refusal.ts';
import type { RejoinEffects } from './rejoin-effects.ts';

const sqlMs = 10_000;
/** Terabytes take hours; what tells of a copy that hangs is `stalledMs`. */
const longestMs = 7 * 24 * 3600 * 1000;
const stalledMs = 600_000;
/** Every table is dropped, one by one. */
const dropMs = 600_000;
/** What a server gets to take up its copy, which is a crash recovery. Without a supervisor, somebody has to start it. */
const restartMs = 180_000;
const pollMs = 200;

/** Whether it can be done, with the plugin loaded on both sides; nothing is destroyed yet. */
export async function prepareClone(plan: RejoinPlan, effects: RejoinEffects): Promise<RejoinOutcome> {
  const { cloning } = cloneDepsOf(effects);
  const standing = await cloning.standing(effects.server, sql(effects));
  if (standing.kind === 'running')
    throw refused({ reason: 'cloning', why: 'somebody else clones into this server' });
  requireSafePlace(plan, effects.dataDirectory());
  await chooseDonor(plan, effects);
  await whileLifted(effects, () => cloning.install(effects.server, sql(effects)));
  return { kind: 'prepared', before: begunAtOf(standing) };
}

/**
 * Overwrites this server. Whoever comes after a crash finds in the server's own record how far it went: not begun, going on, broken off
 * with the data gone, complete.
 */
export async function clone(
  { before }: Extract<CloneStep, { kind: 'clone' }>,
  plan: RejoinPlan,
  effects: RejoinEffects,
): Promise<RejoinOutcome> {
  const { deps, server } = effects;
  const standing = await cloneDepsOf(effects).cloning.standing(server, sql(effects));
  if (!isGoing(standing, before)) await begin(plan, effects);
  const donor = await untilComplete(before, effects);
  // The copy has the donor's replication.
  for (const { name } of (await deps.mysql.status(server, sql(effects))).channels)
    await deps.mysql.resetReplication(server, name, sql(effects));
  // Nothing is here any more of what was in question.
  const burnt = await readBurnt(deps.coordination, plan.host);
  if (burnt !== undefined) await clearBurnt(deps.coordination, plan.host, burnt);
  const { executed } = await deps.mysql.status(server, sql(effects));
  return { kind: 'cloned', donor, executed };
}

/** super_read_only goes on again as soon as the data is dropped: then it may be, and the copying may take hours. */
async function begin(plan: RejoinPlan, effects: RejoinEffects): Promise<void> {
  const { cloning } = cloneDepsOf(effects);
  const { server, signal, deps } = effects;
  const donor = await chooseDonor(plan, effects);
  deps.log.warn('this server is overwritten by a clone; what only it had is saved', {
    plan: plan.id,
    donor: donor.id,
  });
  let copying: Promise<DcmhaError | undefined> = Promise.resolve(undefined);
  await whileLifted(effects, async () => {
    await cloning.install(server, sql(effects));
    const earlier = begunAtOf(await cloning.standing(server, sql(effects)));
    copying = cloning.clone(server, donor.endpoint, { timeoutMs: longestMs, signal }).then(
      () => undefined,
      (thrown: unknown) => toDcmhaError(thrown),
    );
    await untilDropped(copying, earlier, effects);
  });
  const error = await copying;
  if (error === undefined) return;
  signal.throwIfAborted();
  const { kind } = await cloning.standing(server, sql(effects));
  if (kind === 'half') throw brokenOff(error.message);
  throw error;
}

/** Or over, or not to be had: then the statement itself says why. */
async function untilDropped(
  copying: Promise<unknown>,
  earlier: string,
  effects: RejoinEffects,
): Promise<void> {
  const { clock } = effects.deps;
  const over = new AbortController();
  void copying.then(() => over.abort());
  const deadline = clock.monotonic() + dropMs;
  while (!over.signal.aborted && !effects.signal.aborted && clock.monotonic() < deadline) {
    const standing = await lookAt(effects);
    if (standing === undefined) return;
    if (standing.kind === 'running' && standing.begunAt !== earlier && standing.hasDropped) return;
    await clock.pause(pollMs / 4, over.signal);
  }
}

/** What a CLONE drops must not be what was saved from it. */
function requireSafePlace(plan: RejoinPlan, dataDirectory: string | undefined): void {
  const directory = outcomeOf(plan, 'saved')?.directory ?? '';
  if (dataDirectory === undefined || !directory.startsWith(`${dataDirectory.replace(/\/+$/, '')}/`)) return;
  throw new DcmhaError(
    'CONFIG_INVALID',
    `salvage.directory is inside the data directory, which CLONE empties: ${directory}`,
  );
}

/** Its donor. Throws `TIMED_OUT` when the copying hangs, or mysqld does not come back with the copy. */
async function untilComplete(before: string, effects: RejoinEffects): Promise<string> {
  const { clock } = effects.deps;
  let [copied, movedAt] = [-1, clock.monotonic()];
  for (;;) {
    effects.signal.throwIfAborted();
    const standing = await lookAt(effects);
    if (standing?.kind === 'complete' && standing.begunAt !== before) return standing.donor;
    if (standing?.kind === 'half') throw brokenOff(standing.why);
    const isRunning = standing?.kind === 'running';
    if (isRunning && standing.copiedBytes !== copied)
      [copied, movedAt] = [standing.copiedBytes, clock.monotonic()];
    const limitMs = isRunning ? stalledMs : restartMs;
    if (clock.monotonic() - movedAt > limitMs) throw late(standing, limitMs);
    await clock.pause(pollMs, effects.signal);
  }
}

/** Undefined for a server that restarts: it does not answer, or says no. */
async function lookAt(effects: RejoinEffects): Promise<CloneStanding | undefined> {
  try {
    return await cloneDepsOf(effects).cloning.standing(effects.server, sql(effects));
  } catch (thrown) {
    if (hasCode(thrown, 'MYSQL_UNREACHABLE', 'MYSQL_REFUSED', 'TIMED_OUT')) return undefined;
    throw thrown;
  }
}

function late(standing: CloneStanding | undefined, limitMs: number): DcmhaError {
  const what =
    standing?.kind === 'running'
      ? 'the CLONE copies nothing any more: look at the donor, or kill its session'
      : 'mysqld has not come back after the CLONE: start it (agent.startMysqld would have it started), and look at its error log';
  return new DcmhaError('TIMED_OUT', `after ${limitMs} ms, ${what}`);
}

/** Its data is gone, so there is nothing but to begin again. */
function brokenOff(why: string): DcmhaError {
  return refused({ reason: 'clone-broken', why: `the CLONE broke off, and is begun anew: ${why}` });
}

function isGoing(standing: CloneStanding, before: string): boolean {
  return (standing.kind === 'running' || standing.kind === 'complete') && standing.begunAt !== before;
}

function begunAtOf(standing: CloneStanding): string {
  return standing.kind === 'none' ? '' : standing.begunAt;
}

function whileLifted<T>(effects: RejoinEffects, work: () => Promise<T>): Promise<T> {
  const { gate, rejoin, server } = effects;
  return gate.whileReadOnly(() => rejoin.rollback.lift(server, sql(effects)), work);
}

function sql({ signal }: RejoinEffects) {
  return { timeoutMs: sqlMs, signal };
}
