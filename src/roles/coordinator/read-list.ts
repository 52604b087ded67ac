import type { ReadChanges } from '../../core/decide/reads.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { pushRouters } from '../../core/perform/routing.ts';
import { readRouters } from '../../core/store/inventory.ts';
import { clearLostReplica, clearRejoinMark, markLostReplica } from '../../core/store/marks.ts';
import { publishRoute } from '../../core/store/routes.ts';
import type { PlanRunner } from './plan-runner.ts';

/**
 * Takes lost replicas off the read list and puts returned ones back. The route is changed only if it still is the one that was looked
 * at; the next look sees whatever it became.
 */
export async function changeReads(
  changes: ReadChanges,
  snapshot: GroupSnapshot,
  runner: PlanRunner,
): Promise<void> {
  const { coordination, alerts, clock } = runner;
  const { group, route } = snapshot;
  if (route === undefined) return;
  for (const { id, why, late } of changes.lost)
    await markLostReplica(coordination, id, { group, why, at: clock.now(), ...(late ? { late: 1 } : {}) });
  await publishRoute(coordination, group, { write: route.route.write, read: changes.read }, route.version);
  for (const id of changes.returned) {
    await clearLostReplica(coordination, id);
    await clearRejoinMark(coordination, id);
  }
  void pushRouters({ ...runner, group, routers: await readRouters(coordination, group) });
  for (const { id, why } of changes.lost) {
    alerts.raise('replica-lost', { group, host: id }, `${group}: ${id} left the read list: ${why}`);
  }
  for (const id of changes.returned)
    alerts.end('replica-lost', { group, host: id }, `${group}: ${id} is read from again`);
}
