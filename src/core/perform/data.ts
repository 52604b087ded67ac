import { parseGtidSet } from '../gtid/gtid-set.ts';
import { outcomeAs, type Plan } from '../plan/plan.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { markLostReplica, writeRejoinMark } from '../store/marks.ts';
import { memberOf, type PerformContext } from './context.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** Names what only the old primary has, as far as the watermark and its own last word tell. */
export async function catchUp(step: Of<'catch-up'>, plan: Plan, context: PerformContext): Promise<Outcome> {
  const member = memberOf(context, step.host);
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  const { executed, channels } = await context.mysql.status(member.endpoint, options);
  const held = channels.reduce(
    (set, { retrieved }) => set.union(parseGtidSet(retrieved)),
    parseGtidSet(executed),
  );
  const known = parseGtidSet(plan.kind === 'failover' ? plan.inputs.watermark : '').union(
    parseGtidSet(outcomeAs(plan, 'fence', 'fenced')?.executed ?? ''),
  );
  const missing = known.subtract(held);
  const text = held.toCompactString();
  if (missing.isEmpty()) return { kind: 'caught-up', transactions: 0, sizeBytes: 0, executed: text };
  const why = 'its binlog was not fetched';
  return { kind: 'not-caught-up', why, missing: missing.toCompactString(), executed: text };
}

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
  await markLostReplica(coordination, step.host, { group, why: 'it was the primary', at });
  if (repointed) return { kind: 'done', detail: 'it follows the new primary already' };
  const caughtUp = outcomeAs(plan, 'catch-up', 'caught-up') ?? outcomeAs(plan, 'catch-up', 'not-caught-up');
  const executed = caughtUp?.executed ?? '';
  await writeRejoinMark(coordination, step.host, {
    group,
    primary: step.primary,
    epoch: step.epoch,
    at,
    executed,
  });
  return { kind: 'done' };
}
