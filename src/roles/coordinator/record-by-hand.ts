import { DcmhaError } from '../../core/model/errors.ts';
import { sameEndpoint } from '../../core/model/endpoint.ts';
import type { GroupSnapshot, MemberView } from '../../core/model/snapshot.ts';
import { changeRoute, pushRouters } from '../../core/perform/routing.ts';
import { clearAlert } from '../../core/store/alerts.ts';
import { appendHistory } from '../../core/store/history.ts';
import { readRouters } from '../../core/store/inventory.ts';
import { clearLostReplica, clearRejoinMark } from '../../core/store/marks.ts';
import { recordPrimary } from '../../core/store/primary.ts';
import type { Task } from '../../core/store/tasks.ts';
import { byHandPlan } from './begin-failover.ts';
import type { ByHandPlan } from '../../core/plan/plan.ts';
import { startPlan, type PlanRunner } from './plan-runner.ts';
import { verifyByHand } from './verify-by-hand.ts';

type ByHand = Extract<Task, { kind: 'white' }>;

/**
 * After manual work: the operator says who the primary is, which is verified. A former one is fenced first, with evidence, by a plan, for the
 * new one's agent opens by the record alone. Then alerts end, and with `reroute` the route follows.
 */
export async function recordByHand(
  task: ByHand,
  snapshot: GroupSnapshot,
  runner: PlanRunner,
  signal: AbortSignal,
): Promise<string> {
  const { coordination, clock } = runner;
  const { group, primary } = snapshot;
  const { host } = task;
  const view = snapshot.members.find(({ member }) => member.id === host);
  if (view === undefined) throw new DcmhaError('NOT_FOUND', `${host} is no member of group ${group}`);
  const skipped = await verifyByHand(task, snapshot, runner);
  const replaces = primary !== undefined && primary.id !== host;
  const epoch = replaces
    ? await replace(byHandPlan(snapshot, runner.by, { ...task, skipped }), runner, signal)
    : (primary ?? (await recordPrimary(coordination, group, host, undefined))).epoch;
  await clearAlert(coordination, group);
  await clearLostReplica(coordination, host);
  await clearRejoinMark(coordination, host);
  if (!replaces) {
    if (task.reroute) await reroute(view, group, runner);
    const at = clock.now();
    const id = `white-${epoch}-${at}`;
    const told = { cause: `operator ${task.by}`, from: primary?.id ?? '', to: host };
    const passedOver = skipped.length === 0 ? {} : { skipped };
    await appendHistory(coordination, group, {
      id,
      kind: 'white',
      at,
      result: 'done',
      ...told,
      ...passedOver,
    });
  }
  const said = `${host} is recorded as the primary, epoch ${epoch}${task.reroute ? ', and routed' : ''}`;
  return skipped.length === 0 ? said : `${said}; though ${skipped.join('; ')}`;
}

async function replace(plan: ByHandPlan, runner: PlanRunner, signal: AbortSignal): Promise<number> {
  const ending = await startPlan(plan, runner, signal);
  if (ending.kind === 'finished' && ending.result === 'done' && ending.epoch !== undefined)
    return ending.epoch;
  const why = ending.kind === 'blocked' ? `blocked: ${ending.why}` : 'abandoned';
  throw new DcmhaError('STEP_TIMED_OUT', why);
}

async function reroute({ member }: MemberView, group: string, runner: PlanRunner): Promise<void> {
  const { coordination } = runner;
  await changeRoute({ coordination, group }, ({ read }) => ({
    write: member.endpoint,
    read: read.filter((server) => !sameEndpoint(server, member.endpoint)),
  }));
  void pushRouters({ ...runner, group, routers: await readRouters(coordination, group) });
}
