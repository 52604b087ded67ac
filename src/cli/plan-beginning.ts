import type { Coordination } from '../ports/coordination.ts';
import { readPolicy } from '../core/store/policy.ts';
import { planPolicy, type PlanBeginning } from '../roles/coordinator/plan-policy.ts';
import type { Context } from './context.ts';
import { operatorName } from './operator.ts';

/** What a coordinator of this configuration would begin a plan of the group with. */
export async function planBeginning(
  group: string,
  { config: { failover, catchUp, semiSync } }: Context,
  store: Coordination,
): Promise<PlanBeginning> {
  const { maxLoss, quorum } = failover;
  const common = { maxLoss, catchUp: catchUp.policy, rules: failover, quorum, semiSync };
  return { by: operatorName(), policy: planPolicy(common, await readPolicy(store, group)) };
}
