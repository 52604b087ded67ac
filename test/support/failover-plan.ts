import type { FailoverPlan } from '../../src/core/plan/plan.ts';
import type { Entry } from '../../src/core/plan/steps.ts';

/** A failover plan with these inputs and what happened so far. */
export function failoverPlan(
  inputs: Partial<FailoverPlan['inputs']>,
  entries: readonly Pick<Entry, 'step' | 'outcome'>[] = [],
): FailoverPlan {
  return {
    program: 1,
    kind: 'failover',
    id: 'p1',
    by: 'c1',
    group: 'g1',
    startedAt: 0,
    startedBy: 'c1',
    entries: entries.map((entry) => ({ ...entry, at: 0, tookMs: 0, by: 'c1' })),
    inputs: {
      cause: 'primary-dead',
      seen: [],
      automatic: true,
      oldPrimary: 'a',
      epoch: 0,
      members: [],
      watermark: '',
      maxLoss: 1000,
      catchUp: 'always',
      read: [],
      ...inputs,
    },
  };
}
