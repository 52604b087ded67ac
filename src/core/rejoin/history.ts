import type { HistoryRecord } from '../store/history.ts';
import type { RejoinObstacle } from './judge.ts';
import { keptOf, outcomeOf, type RejoinPlan } from './plan.ts';

/** What is kept of a return that ended: what was taken back, where it is, how long each step took; `why`: it stays out. */
export function historyOfRejoin(
  plan: RejoinPlan,
  { at, why }: { readonly at: number; readonly why?: string | undefined },
): HistoryRecord {
  const saved = outcomeOf(plan, 'saved');
  const cloned = outcomeOf(plan, 'cloned');
  const result = why === undefined ? 'done' : 'stays-out';
  return {
    id: `${plan.id}-${result}`,
    kind: 'rejoin',
    at,
    result,
    cause: 'transactions that the primary lacks',
    from: plan.host,
    to: plan.inputs.primary,
    gtids: plan.inputs.errant,
    kept: keptOf(plan),
    startedAt: plan.startedAt,
    tookMs: at - plan.startedAt,
    steps: plan.entries.map((entry) => ({
      step: entry.step.kind,
      outcome: entry.outcome.kind,
      at: entry.at,
      tookMs: entry.tookMs,
    })),
    ...countsOfRejoin(plan),
    ...(saved === undefined ? {} : { directory: saved.directory }),
    ...(saved?.obstacle === undefined ? {} : { obstacle: textOf(saved.obstacle) }),
    ...(cloned === undefined ? {} : { clonedFrom: cloned.donor }),
    ...(why === undefined ? {} : { why }),
  };
}

/** What is going on, for the presence. */
export function doingOf(plan: RejoinPlan): string {
  const isCopied = outcomeOf(plan, 'prepared') !== undefined && outcomeOf(plan, 'cloned') === undefined;
  return isCopied
    ? 'it is being overwritten by a clone; when that is done, mysqld has to be started'
    : `transactions that the primary lacks are being taken back: ${plan.inputs.errant}`;
}

/** For the log. */
export function countsOfRejoin(plan: RejoinPlan): { readonly transactions: number; readonly rows: number } {
  const saved = outcomeOf(plan, 'saved');
  return { transactions: saved?.transactions ?? 0, rows: outcomeOf(plan, 'rolled-back')?.rows ?? 0 };
}

function textOf({ at, what, reason }: RejoinObstacle): string {
  return `${at}: ${what} (${reason})`;
}
