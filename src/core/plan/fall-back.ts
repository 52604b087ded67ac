import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { Next, Plan } from './plan.ts';

/** More often, something is wrong that no election mends. */
const mostFallBacks = 5;

/**
 * The plan as if what is between the first freeze and the last fall-back of an elected server had not been: who holds what is asked afresh
 * then, for somebody else may hold what that one has lost.
 */
export function sinceFallBack<P extends Plan>(plan: P): P {
  const last = plan.entries.findLastIndex(({ outcome }) => outcome.kind === 'fallen-back');
  if (last < 0) return plan;
  const first = plan.entries.findIndex(({ step }) => step.kind === 'freeze');
  return { ...plan, entries: [...plan.entries.slice(0, first), ...plan.entries.slice(last + 1)] };
}

/** What elected servers held once and fell back from: not lost when somebody else holds it. */
export function onceHeld(plan: Plan): GtidSet {
  return plan.entries
    .map(({ outcome }) => (outcome.kind === 'fallen-back' ? parseGtidSet(outcome.missing) : EMPTY_GTID_SET))
    .reduce((all, one) => all.union(one), EMPTY_GTID_SET);
}

/** What stops a plan whose elected servers fall back again and again. */
export function fallenTooOften(plan: Plan): Next | undefined {
  const falls = plan.entries.filter(({ outcome }) => outcome.kind === 'fallen-back').length;
  if (falls < mostFallBacks) return undefined;
  return {
    kind: 'blocked',
    reason: 'fallen-back',
    why: `${falls} times the elected server lost what it had received`,
  };
}
