import type { Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { Member } from '../../core/model/group.ts';
import type { PerformContext } from '../../core/perform/context.ts';
import { Attaching } from '../../core/perform/attaching.ts';
import { perform } from '../../core/perform/perform.ts';
import { execute, type Ending } from '../../core/plan/execute.ts';
import type { Step } from '../../core/plan/steps.ts';
import { pauseOf } from '../../core/plan/switchover.ts';
import { historyOf } from '../../core/plan/history.ts';
import { whatIsNewer } from '../../core/plan/newer.ts';
import { approvable, planSchema, withoutStaleApproval, type Next, type Plan } from '../../core/plan/plan.ts';
import { readMembers, readRouters } from '../../core/store/inventory.ts';
import {
  beginJournal,
  finishJournal,
  saveJournal,
  takeOverJournal,
  type JournalState,
} from '../../core/store/journal.ts';
import { readPolicy, type PolicyOverrides } from '../../core/store/policy.ts';
import { znodes } from '../../core/store/znodes.ts';
import { PlanHold, underHold } from './plan-hold.ts';

/** What running plans needs; the same for every group. `by` is this process, unlike any other. */
export interface PlanRunner extends Pick<
  PerformContext,
  | 'by'
  | 'coordination'
  | 'mysql'
  | 'peers'
  | 'alerts'
  | 'clock'
  | 'log'
  | 'limits'
  | 'fenceCommand'
  | 'regional'
> {
  readonly agentPort: number;
  /** Whether this process sees too little of the group to go on with a plan. */
  readonly isBlind?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Deadline of a step whose parts have no longer one of their own, ms. */
  readonly stepTimeoutMs: number;
}

/** Writes the plan's first journal entry, then runs it to its end. Throws `ZNODE_CONFLICT` when a plan runs already. */
export async function startPlan(plan: Plan, runner: PlanRunner, signal: AbortSignal): Promise<Ending> {
  const sentAt = runner.clock.monotonic();
  const [version, about] = await Promise.all([
    beginJournal(runner.coordination, plan),
    readAbout(plan.group, runner),
  ]);
  runner.log.info('plan started', { group: plan.group, plan: plan.id, kind: plan.kind });
  return drive(plan, { version, sentAt, about }, runner, signal);
}

/** Takes over a plan that another process began, at the step where it is. Throws `LOCK_LOST` when somebody was faster. */
export async function resumePlan(
  state: Extract<JournalState, { kind: 'running' }>,
  runner: PlanRunner,
  signal: AbortSignal,
): Promise<Ending> {
  const sentAt = runner.clock.monotonic();
  const mine =
    state.journal.by === runner.by ? state : await takeOverJournal(runner.coordination, state, runner.by);
  const plan = withoutStaleApproval(planOf(mine.journal), runner.clock.now());
  runner.log.info('plan taken over', {
    group: plan.group,
    plan: plan.id,
    kind: plan.kind,
    done: plan.entries.length,
  });
  const about = await readAbout(plan.group, runner);
  return drive(plan, { version: mine.version, sentAt, about }, runner, signal);
}

/** What of a group's metadata every plan works with. */
interface About {
  readonly members: readonly Member[];
  readonly routers: readonly Endpoint[];
  readonly own: PolicyOverrides;
}

async function readAbout(
  group: string,
  { coordination, agentPort }: Pick<PlanRunner, 'coordination' | 'agentPort'>,
): Promise<About> {
  const [members, routers, own] = await Promise.all([
    readMembers(coordination, group, { agentPort }),
    readRouters(coordination, group),
    readPolicy(coordination, group),
  ]);
  return { members, routers, own };
}

/** A journal as this program's plan. Throws `ZNODE_MALFORMED`. */
export function planOf(journal: { readonly group: string }): Plan {
  const parsed = planSchema.safeParse(journal);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = znodes.journal(journal.group);
  const newer = whatIsNewer(journal);
  const why =
    newer === undefined
      ? `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`
      : `written by a newer dcmha (${newer}): use that one`;
  throw new DcmhaError('ZNODE_MALFORMED', `${path}: ${why}`, { details: { path } });
}

async function drive(
  start: Plan,
  { about, ...journal }: { readonly version: number; readonly sentAt: number; readonly about: About },
  runner: PlanRunner,
  signal: AbortSignal,
): Promise<Ending> {
  const { coordination, clock, log, by } = runner;
  const { group } = start;
  const { members, routers, own } = about;
  const { limits, stepTimeoutMs } = limitsBy(own, runner);
  const hold = new PlanHold(runner, group, journal);
  const attaching = new Attaching();
  const context = {
    ...runner,
    limits,
    ...underHold(runner, hold),
    group,
    members,
    routers,
    attaching,
    signal,
  };
  const ending = await execute(start, {
    perform: (step, plan, deadline) => perform(step, plan, context, deadline),
    save: (plan) => hold.save((version) => saveJournal(coordination, { ...plan, by }, version)),
    clock,
    log: log.with({ group }),
    by,
    stepTimeoutMs: (step, plan) => timeoutOf(step, plan, { limits, stepTimeoutMs }),
    mustStepBack: () => runner.isBlind?.(signal) ?? Promise.resolve(false),
    signal,
  });
  if (ending.kind === 'finished') {
    const record = historyOf(ending.plan, {
      at: clock.now(),
      result: ending.result,
      ...(ending.why === undefined ? {} : { why: ending.why }),
    });
    await finishJournal(coordination, { ...ending.plan, by }, hold.version, record);
  }
  tell(ending, runner);
  return ending;
}

const leastStepMs = 200;

function timeoutOf(
  { kind }: Step,
  plan: Plan,
  { limits, stepTimeoutMs }: Pick<PlanRunner, 'limits' | 'stepTimeoutMs'>,
): number {
  if (plan.kind === 'switchover') {
    const { maxPauseMs, waitMs } = plan.inputs.terms;
    if (kind === 'prewarm') return waitMs + stepTimeoutMs;
    // Clients wait meanwhile: better back to where they were than longer than was allowed.
    if (kind === 'hold-route' || kind === 'fence' || kind === 'promote')
      return Math.max(leastStepMs, maxPauseMs - pauseOf(plan));
  }
  return kind === 'promote' || kind === 'freeze' ? limits.freezeTimeoutMs + stepTimeoutMs : stepTimeoutMs;
}

/** The group's own deadlines go before the file's. */
function limitsBy(
  { failover = {}, catchUp = {} }: PolicyOverrides,
  { limits, stepTimeoutMs }: PlanRunner,
): Pick<PlanRunner, 'limits' | 'stepTimeoutMs'> {
  return {
    limits: {
      ...limits,
      gatherTimeoutMs: failover.gatherTimeoutMs ?? limits.gatherTimeoutMs,
      freezeTimeoutMs: failover.freezeTimeoutMs ?? limits.freezeTimeoutMs,
      catchUpMs: catchUp.deadlineMs ?? limits.catchUpMs,
    },
    stepTimeoutMs: failover.stepTimeoutMs ?? stepTimeoutMs,
  };
}

/** Tells the operator of a plan that cannot go on by itself. */
export function tellBlocked(
  plan: Plan,
  { reason, why }: Extract<Next, { kind: 'blocked' }>,
  { alerts }: Pick<PlanRunner, 'alerts'>,
): void {
  const { group, kind } = plan;
  const approve = approvable.has(reason) ? `dcmha task approve --group ${group} lets it go on; ` : '';
  const remedy = `${approve}dcmha task retry --group ${group}, or dcmha task abandon --group ${group}`;
  alerts.raise('plan-blocked', { group }, `${kind} of ${group} is blocked: ${why}. ${remedy}`, { reason });
}

function tell(ending: Ending, { alerts, log }: PlanRunner): void {
  const { plan } = ending;
  const { group } = plan;
  if (ending.kind === 'blocked') {
    log.error('plan blocked', { group, plan: plan.id, reason: ending.reason, why: ending.why });
    return;
  }
  log.info('plan ended', { group, plan: plan.id, result: ending.result, primary: ending.primary });
  if (plan.kind === 'switchover') {
    if (ending.result === 'undone')
      alerts.event(
        'switchover-undone',
        { group },
        `${group}: the switchover was taken back: ${ending.why ?? ''}`,
        {
          plan: plan.id,
        },
      );
    return;
  }
  if (plan.kind !== 'failover') return;
  const text =
    ending.result === 'done'
      ? `${group}: ${ending.primary ?? ''} took over from ${plan.inputs.oldPrimary} (${plan.inputs.cause})`
      : `${group}: the failover was abandoned by ${plan.abandonedBy ?? 'an operator'}`;
  alerts.event('failover-done', { group }, text, { plan: plan.id, result: ending.result });
}
