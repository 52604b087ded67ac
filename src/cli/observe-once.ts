import type { Coordination } from '../ports/coordination.ts';
import type { Mysql } from '../ports/mysql.ts';
import type { GroupSnapshot } from '../core/model/snapshot.ts';
import { observe } from '../roles/coordinator/observe.ts';
import type { Context } from './context.ts';
import { operatorName } from './operator.ts';

/** A group as a coordinator of this configuration would see it now. */
export function observeOnce(
  group: string,
  { config, clock }: Context,
  { store, mysql }: { readonly store: Coordination; readonly mysql: Mysql },
): Promise<GroupSnapshot> {
  const observer = {
    coordination: store,
    mysql,
    clock,
    by: operatorName(),
    agentPort: config.agent.port,
    probeTimeoutMs: config.coordinator.probeTimeoutMs,
    fleetWindowMs: config.fleet.windowMs,
    publishReturned: config.rejoin.publish === 'auto',
    everything: true,
  };
  return observe(group, observer, new AbortController().signal);
}
