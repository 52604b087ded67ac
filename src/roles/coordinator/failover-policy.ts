import type { FailoverPolicy } from '../../core/decide/decide.ts';
import { semiSyncPolicy } from '../../core/decide/semi-sync.ts';
import type { PolicyOverrides } from '../../core/store/policy.ts';
import type { FailoverRules } from '../../core/plan/plan.ts';
import { rulesInForce } from './plan-policy.ts';

/** What decides about a group: its own settings go before the file's. */
export function failoverPolicy(
  {
    automatic,
    cooldownMs,
    stalledMs,
    fleetMax,
    rules,
    quorum,
    semiSync,
  }: FailoverPolicy & { rules?: FailoverRules | undefined },
  own: PolicyOverrides,
): FailoverPolicy {
  return {
    automatic: own.failover?.automatic ?? automatic,
    cooldownMs: own.failover?.cooldownMs ?? cooldownMs,
    stalledMs: own.failover?.stalledMs ?? stalledMs,
    fleetMax,
    rules: rulesInForce(rules, own),
    quorum: own.failover?.quorum ?? quorum,
    semiSync: semiSync && semiSyncPolicy(semiSync, own.semiSync),
  };
}
