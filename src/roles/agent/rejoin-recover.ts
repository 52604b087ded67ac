import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { decidedBy } from '../../core/rejoin/decided.ts';
import type { RejoinOutcome, RejoinPlan } from '../../core/rejoin/plan.ts';
import type { RejoinEffects } from './rejoin-effects.ts';

const sqlMs = 10_000;

/**
 * What the recovery of the server has left of what was errant. Its names are asked of the plan, not of the primary: they may be burnt there
 * by now, and would look shared. What else the primary lacks was never in the binlog that was cut.
 */
export async function recover(
  { inputs }: RejoinPlan,
  { deps, server, primary, signal }: RejoinEffects,
): Promise<RejoinOutcome> {
  const options = { timeoutMs: sqlMs, signal };
  const own = parseGtidSet((await deps.mysql.status(server, options)).executed);
  const theirs = decidedBy(await deps.mysql.status(primary, options));
  const planned = parseGtidSet(inputs.errant);
  const errant = planned.intersect(own).union(own.subtract(theirs));
  deps.log.info('recovery has taken back what it had not committed', {
    undone: planned.subtract(own).toCompactString(),
    left: errant.toCompactString(),
  });
  return { kind: 'recovered', own: own.toCompactString(), errant: errant.toCompactString() };
}
