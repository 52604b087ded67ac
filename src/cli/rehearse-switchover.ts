import type { Coordination } from '../ports/coordination.ts';
import { preflight } from '../core/perform/preflight.ts';
import { rehearse, type Rehearsal } from '../core/plan/rehearse.ts';
import { readRouters } from '../core/store/inventory.ts';
import { switchoverPlan, type SwitchoverOrder } from '../roles/coordinator/begin-failover.ts';
import type { Context } from './context.ts';
import { observeOnce } from './observe-once.ts';
import { planBeginning } from './plan-beginning.ts';

/** What the coordinator would do, from what everybody answers now. */
export async function rehearseSwitchover(
  group: string,
  order: SwitchoverOrder,
  context: Context,
  store: Coordination,
): Promise<Rehearsal> {
  const mysql = await context.mysql();
  const snapshot = await observeOnce(group, context, { store, mysql });
  const plan = switchoverPlan(snapshot, await planBeginning(group, context, store), order);
  const { oldPrimary, terms } = plan.inputs;
  const members = snapshot.members.map(({ member }) => member);
  const { caller: peers } = await context.peers();
  const { positions, problems } = await preflight(
    { kind: 'preflight', from: oldPrimary, hosts: members.map(({ id }) => id) },
    terms,
    {
      group,
      members,
      routers: await readRouters(store, group),
      coordination: store,
      mysql,
      peers,
      limits: context.config.failover,
      signal: new AbortController().signal,
    },
  );
  return rehearse(plan, { positions, problems, executed: '' });
}
