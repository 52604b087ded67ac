import type { Coordination } from '../../ports/coordination.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import type { Ending } from '../../core/plan/execute.ts';
import { pauseOf } from '../../core/plan/switchover.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../../core/model/errors.ts';
import { readHistory } from '../../core/store/history.ts';
import { readPolicy } from '../../core/store/policy.ts';
import { completeTask, listTasks, updateTask, type Task, type TaskEntry } from '../../core/store/tasks.ts';
import { bootstrapPlan, orderedFailover, switchoverPlan } from './begin-failover.ts';
import type { GroupWorkerDeps } from './group-worker-deps.ts';
import { planPolicy } from './plan-policy.ts';
import { startPlan } from './plan-runner.ts';
import { recordByHand } from './record-by-hand.ts';

type OpenTask = Extract<TaskEntry, { kind: 'task' }>;

/** The first task of a group that is still to be done. */
export async function openTask(store: Coordination, group: string): Promise<OpenTask | undefined> {
  const entries = await listTasks(store);
  return entries.find(
    (entry): entry is OpenTask => entry.kind === 'task' && entry.task.group === group && isOpen(entry.task),
  );
}

/** Does the first open task of the group, under the group's lock. False when another coordinator has just done it. */
export async function runTasks(
  snapshot: GroupSnapshot,
  deps: GroupWorkerDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const { coordination, log } = deps.runner;
  const entry = await openTask(coordination, snapshot.group);
  if (entry === undefined) return false;
  log.info('task started', { group: snapshot.group, task: entry.name, kind: entry.task.kind });
  await updateTask(coordination, entry, { state: 'running' });
  try {
    const message = await runTask(entry, snapshot, deps, signal);
    await completeTask(coordination, entry.name, { state: 'done', message });
  } catch (thrown) {
    signal.throwIfAborted();
    if (hasCode(thrown, 'SESSION_LOST', 'LOCK_LOST')) throw thrown;
    const error = toDcmhaError(thrown);
    log.warn('task failed', {
      group: snapshot.group,
      task: entry.name,
      code: error.code,
      error: error.message,
    });
    await completeTask(coordination, entry.name, { state: 'failed', message: error.message });
  }
  return true;
}

/** A running one was left by a coordinator that died: what it began has a journal of its own, so it is safe to do again. */
function isOpen({ state }: Task): boolean {
  return state === 'queued' || state === 'running';
}

async function runTask(
  { name, task }: OpenTask,
  snapshot: GroupSnapshot,
  deps: GroupWorkerDeps,
  signal: AbortSignal,
): Promise<string> {
  switch (task.kind) {
    case 'down':
      return 'the group was looked at';
    case 'add':
      if (snapshot.primary !== undefined && snapshot.route?.route.write !== undefined)
        return 'the group has its primary already';
      return said(
        await startPlan(
          bootstrapPlan(snapshot, await beginningOf(snapshot.group, deps), task.host),
          deps.runner,
          signal,
        ),
      );
    case 'failover':
      if (task.host !== undefined && snapshot.primary?.id === task.host)
        return `${task.host} is the primary already`;
      return moveOnce(`${name}-${task.at}`, snapshot, deps, async (id) => {
        const order = { id, by: task.by, to: task.host };
        const plan = orderedFailover(snapshot, await beginningOf(snapshot.group, deps), order);
        return startPlan(plan, deps.runner, signal);
      });
    case 'switchover':
      if (task.host !== undefined && snapshot.primary?.id === task.host)
        return `${task.host} is the primary already`;
      return moveOnce(`${name}-${task.at}`, snapshot, deps, async (id) => {
        const plan = switchoverPlan(snapshot, await beginningOf(snapshot.group, deps), { ...task, id });
        return startPlan(plan, deps.runner, signal);
      });
    case 'white':
      return recordByHand(task, snapshot, deps.runner, signal);
    case 'append':
      throw new DcmhaError(
        'USAGE',
        'append: the agent of the returned host carries its transactions over by itself',
      );
  }
}

/**
 * The plan bears the task's name, so that a task whose coordinator died before it said so is not done twice: without a host it would move
 * the primary once more.
 */
async function moveOnce(
  id: string,
  snapshot: GroupSnapshot,
  { runner }: GroupWorkerDeps,
  move: (id: string) => Promise<Ending>,
): Promise<string> {
  const ended = (await readHistory(runner.coordination, snapshot.group, 10)).find(
    (record) => record.id === id,
  );
  return ended === undefined
    ? said(await move(id))
    : `done before: the primary is ${snapshot.primary?.id ?? 'none'}`;
}

async function beginningOf(
  group: string,
  { runner, policy }: GroupWorkerDeps,
): Promise<{ readonly by: string; readonly policy: ReturnType<typeof planPolicy> }> {
  return { by: runner.by, policy: planPolicy(policy, await readPolicy(runner.coordination, group)) };
}

function said(ending: Ending): string {
  if (ending.kind === 'finished') {
    const { result, why, primary = 'none', plan } = ending;
    if (result === 'refused')
      throw new DcmhaError('PEER_REFUSED', `refused, nothing was changed: ${why ?? ''}`);
    if (result === 'undone')
      throw new DcmhaError('PEER_REFUSED', `undone, the primary is ${primary}: ${why ?? ''}`);
    const pause = plan.kind === 'switchover' ? `, clients waited ${Math.round(pauseOf(plan))} ms` : '';
    return `${result}: primary ${primary}${pause}`;
  }
  throw new DcmhaError('STEP_TIMED_OUT', `blocked: ${ending.why}`);
}
