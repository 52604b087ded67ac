import type { Plan } from './plan.ts';
import type { Step } from './steps.ts';

type Kinds = ReadonlySet<Step['kind']>;

/**
 * Up to the record, a failover's steps say again what they said when they are done again, and its way back asks no more than whether it was
 * begun. Not so `equalize` and `catch-up`, which work at the server that the positions in the journal elect; and what `record-primary`
 * stands on, the evidence and the election, must outlive this coordinator.
 */
const ofFailover: Kinds = new Set(['fence', 'await-leases', 'freeze', 'promote']);

/** Done again, they find what they left; the way back of a planned change counts with both as soon as clients were to be held. */
const ofSwitchover: Kinds = new Set(['fence', 'promote']);

/** The record itself says what was recorded: whoever records it again gets the same epoch. */
const ofAll: Kinds = new Set(['open-writes', 'publish-route']);

/** Whether this step may begin while the journal of the one before it is still being written: clients wait for it. */
export function mayOverlap({ kind }: Step, plan: Plan): boolean {
  if (ofAll.has(kind)) return true;
  if (plan.kind === 'failover') return ofFailover.has(kind);
  return plan.kind === 'switchover' && ofSwitchover.has(kind);
}
