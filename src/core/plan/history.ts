import type { HistoryRecord } from '../store/history.ts';
import { lackOf } from './by-hand.ts';
import { electionOf, knownLoss } from './failover.ts';
import {
  outcomeAs,
  outcomeOf,
  type BootstrapPlan,
  type ByHandPlan,
  type FailoverPlan,
  type Next,
  type Plan,
  type SwitchoverPlan,
} from './plan.ts';
import { pauseOf, switchoverElection } from './switchover.ts';

/** What is kept for ever of a plan that ended: what was seen, what was chosen and why, how long each step took. */
export function historyOf(
  plan: Plan,
  ended: { readonly at: number } & Pick<Extract<Next, { kind: 'finished' }>, 'result' | 'why'>,
): HistoryRecord {
  const common = {
    id: plan.id,
    kind: plan.kind,
    at: ended.at,
    result: ended.result,
    ...(ended.why === undefined ? {} : { ended: ended.why }),
    startedAt: plan.startedAt,
    startedBy: plan.startedBy,
    tookMs: ended.at - plan.startedAt,
    steps: plan.entries.map(({ step, outcome, at, tookMs, by }) => ({
      step: step.kind,
      outcome: outcome.kind,
      at,
      tookMs,
      by,
    })),
    ...(plan.abandonedBy === undefined ? {} : { abandonedBy: plan.abandonedBy }),
    ...(plan.approval === undefined ? {} : { approvedBy: plan.approval.by }),
  };
  switch (plan.kind) {
    case 'failover':
      return { ...common, ...ofFailover(plan) };
    case 'bootstrap':
      return { ...common, ...ofBootstrap(plan) };
    case 'by-hand':
      return { ...common, kind: 'white', ...ofByHand(plan) };
    case 'switchover':
      return { ...common, ...ofSwitchover(plan) };
  }
}

function ofFailover(plan: FailoverPlan): Record<string, unknown> {
  const { cause, seen, automatic, oldPrimary, since } = plan.inputs;
  const election = outcomeOf(plan, 'freeze') === undefined ? undefined : electionOf(plan);
  const loss = knownLoss(plan);
  return {
    cause,
    seen,
    automatic,
    from: oldPrimary,
    ...(since === undefined ? {} : { since }),
    ...(election?.kind === 'elected'
      ? { to: election.host, why: election.why, rejected: election.rejected }
      : {}),
    ...(election?.kind === 'refused' ? { refused: election.why } : {}),
    epoch: outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? plan.inputs.epoch,
    evidence: evidenceOf(plan),
    ...carriedOver(plan),
    lost: Number(loss.count),
    lostGtids: loss.missing,
  };
}

/** How it was known that the old primary takes no more writes. */
function evidenceOf(plan: Plan): string {
  const fenced = outcomeAs(plan, 'fence', 'fenced');
  return fenced === undefined || fenced.evidence === 'leases'
    ? 'leases'
    : `${fenced.evidence}: ${fenced.detail}`;
}

function ofSwitchover(plan: SwitchoverPlan): Record<string, unknown> {
  const { cause, seen, oldPrimary, epoch } = plan.inputs;
  const election = outcomeOf(plan, 'preflight') === undefined ? undefined : switchoverElection(plan);
  const held = outcomeAs(plan, 'hold-route', 'held');
  return {
    cause,
    seen,
    automatic: false,
    from: oldPrimary,
    ...(election?.kind === 'elected'
      ? { to: election.host, why: election.why, rejected: election.rejected }
      : {}),
    epoch: outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? epoch,
    evidence: evidenceOf(plan),
    pausedMs: Math.round(pauseOf(plan)),
    ...(held === undefined || held.without.length === 0 ? {} : { notHeld: held.without }),
  };
}

function carriedOver(plan: FailoverPlan): Record<string, unknown> {
  const missed = outcomeAs(plan, 'catch-up', 'not-caught-up');
  if (missed !== undefined)
    return { carriedOver: 0, carriedBytes: 0, notCarriedOver: missed.why, ...comingOf(missed) };
  const carried = outcomeAs(plan, 'catch-up', 'caught-up');
  return {
    carriedOver: carried?.transactions ?? 0,
    carriedBytes: carried?.sizeBytes ?? 0,
    ...(carried?.left === undefined ? {} : { left: carried.left }),
    ...comingOf(carried),
  };
}

/** What was not lost, for other regions had it, and had not arrived yet. */
function comingOf(outcome: { readonly coming?: string | undefined } | undefined): Record<string, unknown> {
  return outcome?.coming === undefined ? {} : { coming: outcome.coming };
}

function ofBootstrap(plan: BootstrapPlan): Record<string, unknown> {
  const recorded = plan.entries.find(({ outcome }) => outcome.kind === 'recorded')?.step;
  return {
    automatic: false,
    cause: 'add',
    ...(recorded?.kind === 'record-primary' ? { to: recorded.host } : {}),
  };
}

function ofByHand(plan: ByHandPlan): Record<string, unknown> {
  const { cause, oldPrimary, host, epoch, skipped } = plan.inputs;
  const loss = lackOf(plan);
  return {
    automatic: false,
    cause,
    from: oldPrimary,
    to: host,
    ...(skipped.length === 0 ? {} : { skipped }),
    epoch: outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? epoch,
    evidence: evidenceOf(plan),
    lost: Number(loss.count),
    lostGtids: loss.missing,
  };
}
