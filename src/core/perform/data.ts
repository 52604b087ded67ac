import { heldBy } from '../plan/by-hand.ts';
import { outcomeAs, type Plan } from '../plan/plan.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { markLostReplica, writeRejoinMark } from '../store/marks.ts';
import type { PerformContext } from './context.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** What the old primary must know when it returns: who took over, and up to where it shares the history. */
export async function markRejoin(
  step: Of<'mark-rejoin'>,
  plan: Plan,
  context: PerformContext,
): Promise<Outcome> {
  const repointed = outcomeAs(plan, 'repoint', 'repointed')?.hosts.includes(step.host) === true;
  const { coordination, group } = context;
  const at = context.clock.now();
  // A mark is also what brings a server to the read list, once it replicates.
  const lost = { group, why: 'it was the primary', at };
  await markLostReplica(coordination, step.host, repointed ? lost : { ...lost, former: 1 });
  if (repointed) return { kind: 'done', detail: 'it follows the new primary already' };
  const caughtUp = outcomeAs(plan, 'catch-up', 'caught-up') ?? outcomeAs(plan, 'catch-up', 'not-caught-up');
  const executed = plan.kind === 'by-hand' ? heldBy(plan).toCompactString() : (caughtUp?.executed ?? '');
  await writeRejoinMark(coordination, step.host, {
    group,
    primary: step.primary,
    epoch: step.epoch,
    at,
    executed,
  });
  return { kind: 'done' };
}
