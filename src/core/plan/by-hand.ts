import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { fallenTooOften, sinceFallBack } from './fall-back.ts';
import type { Loss } from './failover.ts';
import { failure, isDone, outcomeAs, type ByHandPlan, type Next } from './plan.ts';
import type { Step } from './steps.ts';

/**
 * An operator says who the primary is (`task white`). As in a failover, nobody else is recorded before there is evidence that nothing is
 * written under the former epoch; whom to record is no choice of the plan's. The other replicas' agents follow the record by themselves.
 */
export function nextOfByHand(plan: ByHandPlan): Next {
  return (
    failure(plan) ?? undo(plan) ?? fallenTooOften(plan) ?? endOffice(plan) ?? takeOver(sinceFallBack(plan))
  );
}

function step(it: Step): Next {
  return { kind: 'step', step: it };
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
  const { host, epoch: expectedEpoch, reroute, read } = plan.inputs;
  if (!isDone(plan, 'freeze')) {
    const until = outcomeAs(plan, 'fence', 'fenced')?.executed;
    return step({
      kind: 'freeze',
      hosts: [host],
      mayBeWritable: true,
      ...(until === undefined ? {} : { until }),
    });
  }
  const error = positionOf(plan)?.error;
  if (error !== undefined) return { kind: 'blocked', reason: 'no-candidate', why: `${host}: ${error}` };
  if (!isDone(plan, 'promote')) return step({ kind: 'promote', host, until: heldBy(plan).toCompactString() });
  const recorded = outcomeAs(plan, 'record-primary', 'recorded');
  if (recorded === undefined) return step({ kind: 'record-primary', host, expectedEpoch });
  if (!isDone(plan, 'open-writes')) return step({ kind: 'open-writes', host, epoch: recorded.epoch });
  if (reroute && !isDone(plan, 'publish-route')) {
    return step({ kind: 'publish-route', write: host, read: read.filter((id) => id !== host) });
  }
  if (!isDone(plan, 'mark-rejoin')) {
    return step({ kind: 'mark-rejoin', host: plan.inputs.oldPrimary, primary: host, epoch: recorded.epoch });
  }
  return { kind: 'finished', result: 'done', primary: host, epoch: recorded.epoch };
}

/** While nobody else is recorded, the former primary gets an epoch of its own, and its route and replica back. */
function undo(plan: ByHandPlan): Next | undefined {
  if (plan.abandonedBy === undefined) return undefined;
  const { oldPrimary, host, epoch, read } = plan.inputs;
  const recorded = plan.entries.find(({ outcome }) => outcome.kind === 'recorded')?.step;
  const primary = recorded?.kind === 'record-primary' ? recorded.host : oldPrimary;
  if (recorded === undefined) return step({ kind: 'record-primary', host: oldPrimary, expectedEpoch: epoch });
  if (isDone(plan, 'close-route') && !isDone(plan, 'publish-route'))
    return step({ kind: 'publish-route', write: primary, read: read.filter((id) => id !== primary) });
  if (primary === oldPrimary && isDone(plan, 'freeze') && !isDone(plan, 'resume-replication'))
    return step({ kind: 'resume-replication', hosts: [host], source: oldPrimary });
  return { kind: 'finished', result: 'abandoned', primary };
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
