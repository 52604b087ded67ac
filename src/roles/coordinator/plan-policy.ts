import type { QuorumRule } from '../../core/decide/quorum.ts';
import { semiSyncPolicy, type SemiSyncPolicy } from '../../core/decide/semi-sync.ts';
import type { FailoverPlan, FailoverRules } from '../../core/plan/plan.ts';
import type { PolicyOverrides } from '../../core/store/policy.ts';

/** Who begins a plan, and the group's limits that it takes with it. */
export interface PlanBeginning {
  readonly by: string;
  readonly policy: {
    readonly maxLoss: number;
    readonly catchUp: FailoverPlan['inputs']['catchUp'];
    /** Absent: everything is allowed. */
    readonly rules?: FailoverRules | undefined;
    readonly quorum?: QuorumRule | undefined;
    readonly semiSync?: SemiSyncPolicy | undefined;
  };
}

/** What a plan is begun with: the group's own settings go before the configuration file's. */
export function planPolicy(
  { maxLoss, catchUp, rules, quorum, semiSync }: PlanBeginning['policy'],
  own: PolicyOverrides,
): PlanBeginning['policy'] {
  return {
    maxLoss: own.failover?.maxLoss ?? maxLoss,
    catchUp: own.catchUp?.policy ?? catchUp,
    quorum: own.failover?.quorum ?? quorum,
    rules: rulesInForce(rules, own),
    semiSync: semiSync && semiSyncPolicy(semiSync, own.semiSync),
  };
}

/** Where the new primary may be, and what that may cost. */
export function rulesInForce(
  rules: FailoverRules | undefined,
  { failover: own = {} }: PolicyOverrides,
): FailoverRules {
  const { allowedDcs, crossDc, lowerVersion, crossDcMaxLoss, crossDcMaxLossMs } = own;
  const before = rules ?? { allowedDcs: [], crossDc: 'allowed', lowerVersion: 'never' };
  return {
    allowedDcs: allowedDcs ?? before.allowedDcs,
    crossDc: crossDc ?? before.crossDc,
    lowerVersion: lowerVersion ?? before.lowerVersion,
    crossDcMaxLoss: crossDcMaxLoss ?? before.crossDcMaxLoss,
    crossDcMaxLossMs: crossDcMaxLossMs ?? before.crossDcMaxLossMs,
  };
}
