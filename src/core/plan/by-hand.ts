import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { fallenTooOften, sinceFallBack } from './fall-back.ts';
import type { Loss } from './failover.ts';
import { giveBack, takeOffice } from './office.ts';
import { failure, isDone, outcomeAs, step, type ByHandPlan, type Next } from './plan.ts';

/**
 * An operator says who the primary is (`task white`). As in a failover, nobody else is recorded before there is evidence that nothing is
 * written under the former epoch; whom to record is no choice of the plan's. The other replicas' agents follow the record by themselves.
 */
export function nextOfByHand(plan: ByHandPlan): Next {
  return (
    failure(plan) ?? undo(plan) ?? fallenTooOften(plan) ?? endOffice(plan) ?? takeOver(sinceFallBack(plan))
  );
}

/** The route is closed only where routers have to give evidence, too. */
function endOffice(plan: ByHandPlan): Next | undefined {
  const { oldPrimary: host, epoch } = plan.inputs;
  if (!isDone(plan, 'fence')) return step({ kind: 'fence', host, epoch });
  if (outcomeAs(plan, 'fence', 'fenced') !== undefined) return undefined;
  if (!isDone(plan, 'close-route')) return step({ kind: 'close-route' });
  if (!isDone(plan, 'await-leases')) return step({ kind: 'await-leases', host, epoch });
  return undefined;
}

function takeOver(plan: ByHandPlan): Next {
  const { host, oldPrimary, epoch: expectedEpoch, reroute, read } = plan.inputs;
  if (!isDone(plan, 'freeze')) {
    const until = outcomeAs(plan, 'fence', 'fenced')?.executed;
    return step({
      kind: 'freeze',
      hosts: [host],
      mayBeWritable: true,
      ...(until === undefined ? {} : { until, from: oldPrimary }),
    });
  }
  const error = positionOf(plan)?.error;
  if (error !== undefined) return { kind: 'blocked', reason: 'no-candidate', why: `${host}: ${error}` };
  // A route that this plan had to close would stay closed.
  const isRouteOurs = reroute || isDone(plan, 'close-route');
  const rerouted = isRouteOurs ? read.filter((id) => id !== host) : undefined;
  const until = heldBy(plan).toCompactString();
  const office = takeOffice(plan, { host, until, expectedEpoch, read: rerouted });
  if (office !== undefined) return office;
  const epoch = outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? 0;
  if (!isDone(plan, 'mark-rejoin')) {
    return step({ kind: 'mark-rejoin', host: oldPrimary, primary: host, epoch });
  }
  return { kind: 'finished', result: 'done', primary: host, epoch };
}

/** Of a plan that an operator has abandoned. */
function undo(plan: ByHandPlan): Next | undefined {
  const { host, read } = plan.inputs;
  return giveBack(plan, {
    isRouteOurs: isDone(plan, 'close-route'),
    readOf: (primary) => read.filter((id) => id !== primary),
    replicas: [host],
  });
}

/** What the new primary is known to lack of what the former one had executed. */
export function lackOf(plan: ByHandPlan): Loss {
  if (positionOf(plan) === undefined) return { missing: '', count: 0n };
  const had = parseGtidSet(outcomeAs(plan, 'fence', 'fenced')?.executed ?? '');
  const missing = parseGtidSet(plan.inputs.watermark).union(had).subtract(heldBy(plan));
  return { missing: missing.toCompactString(), count: missing.count() };
}

/** What the new primary held when it was frozen. */
export function heldBy(plan: ByHandPlan): GtidSet {
  const { executed = '', retrieved = '' } = positionOf(plan) ?? {};
  return parseGtidSet(executed).union(parseGtidSet(retrieved));
}

function positionOf(plan: ByHandPlan) {
  return outcomeAs(plan, 'freeze', 'positions')?.positions[0];
}
