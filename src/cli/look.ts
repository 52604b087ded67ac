import type { FailoverPolicy } from '../core/decide/decide.ts';
import type { GroupSnapshot, MemberView } from '../core/model/snapshot.ts';
import type { Position } from '../core/plan/steps.ts';
import { readPolicy } from '../core/store/policy.ts';
import type { Coordination } from '../ports/coordination.ts';
import type { Mysql } from '../ports/mysql.ts';
import type { PlanBeginning } from '../roles/coordinator/plan-policy.ts';
import { failoverPolicy } from '../roles/coordinator/failover-policy.ts';
import type { Context } from './context.ts';
import { observeOnce } from './observe-once.ts';
import { planBeginning } from './plan-beginning.ts';

/** A group as a coordinator sees it, with every server asked, and the settings that it would go by. */
export interface Look {
  readonly snapshot: GroupSnapshot;
  /** Of all members, the primary's too. */
  readonly positions: readonly Position[];
  readonly decides: FailoverPolicy;
  readonly plans: PlanBeginning['policy'];
}

/** Changes nothing. */
export async function lookAt(group: string, context: Context, store: Coordination): Promise<Look> {
  const { failover, fleet, semiSync } = context.config;
  const mysql = await context.mysql();
  const snapshot = await observeOnce(group, context, { store, mysql });
  const positions = await Promise.all(
    snapshot.members.map((view) => positionOf(view, mysql, failover.gatherTimeoutMs)),
  );
  const { policy: plans } = await planBeginning(group, context, store);
  const common = { ...failover, fleetMax: fleet.max, rules: failover, semiSync };
  return { snapshot, positions, plans, decides: failoverPolicy(common, await readPolicy(store, group)) };
}

async function positionOf(
  { member, presence }: MemberView,
  mysql: Mysql,
  timeoutMs: number,
): Promise<Position> {
  const host = member.id;
  const probe = await mysql.probe(member.endpoint, { timeoutMs });
  if (probe.kind !== 'up')
    return { host, executed: '', retrieved: '', version: '', error: `it does not answer: ${probe.message}` };
  const { executed, version, channels } = probe.status;
  const retrieved = channels.find(({ name }) => name === '')?.retrieved ?? '';
  const errant = presence?.replication?.state === 'errant' ? presence.replication.error : undefined;
  return { host, executed, retrieved, version, ...(errant === undefined ? {} : { error: errant }) };
}
