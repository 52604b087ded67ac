import {
  isDone,
  outcomeAs,
  outcomeOf,
  step,
  type ByHandPlan,
  type FailoverPlan,
  type Next,
  type Plan,
  type SwitchoverPlan,
} from './plan.ts';

/** Who takes office, and what must have come before. */
export interface Office {
  readonly host: string;
  /** It has applied this. */
  readonly until: string;
  /** The epoch that is replaced, -1 for none. */
  readonly expectedEpoch: number;
  /** The read servers of its route; undefined: the route stays as it is. */
  readonly read: readonly string[] | undefined;
  /** Its source lives, and still sends what is lacking; clients wait at the routers. */
  readonly planned?: true;
  /** Replicas that commits wait for from the first one on. */
  readonly follow?: readonly string[] | undefined;
}

/**
 * Promotion, record, writes, route: the order that keeps one writer. Undefined when all of it is done. No route leads to a server that is still
 * read-only while clients may use it: one without a connection tries again, one whose statement was refused may not.
 */
export function takeOffice(
  plan: Plan,
  { host, until, expectedEpoch, read, planned, follow }: Office,
): Next | undefined {
  const ahead = planned === undefined || read === undefined ? {} : { read: [...read] };
  if (!isDone(plan, 'promote'))
    return step({
      kind: 'promote',
      host,
      until,
      ...(planned === undefined ? {} : { receive: planned }),
      ...ahead,
    });
  const recorded = outcomeAs(plan, 'record-primary', 'recorded');
  if (recorded === undefined) return step({ kind: 'record-primary', host, expectedEpoch });
  const opened = outcomeOf(plan, 'open-writes');
  if (opened === undefined) {
    const beside = follow === undefined ? {} : { follow: [...follow] };
    return step({ kind: 'open-writes', host, epoch: recorded.epoch, ...ahead, ...beside });
  }
  if (read === undefined || isDone(plan, 'publish-route')) return undefined;
  const release = opened.kind === 'done' ? opened.route : undefined;
  return step({
    kind: 'publish-route',
    write: host,
    read: [...read],
    ...(release === undefined ? {} : { release }),
  });
}

/** Whom commits at the new primary wait for: they are its replicas from its first commit on. The old primary follows later. */
export function replicasBeside(
  { inputs: { durable, members, oldPrimary } }: FailoverPlan | SwitchoverPlan,
  host: string,
): readonly string[] | undefined {
  if (durable !== true) return undefined;
  return members.map(({ id }) => id).filter((id) => id !== host && id !== oldPrimary);
}

/** What is left once clients have gone on and the others follow: regional channels, the routers' word, the former primary's return. */
export function endMove(plan: FailoverPlan | SwitchoverPlan, host: string): Next {
  const { oldPrimary } = plan.inputs;
  const epoch = outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? 0;
  // What cannot be done now the coordinator that looks after the group does later, so this never blocks a plan.
  if (!isDone(plan, 'channels')) return step({ kind: 'channels', from: oldPrimary, to: host });
  if (!isDone(plan, 'confirm-route')) return step({ kind: 'confirm-route' });
  if (!isDone(plan, 'mark-rejoin'))
    return step({ kind: 'mark-rejoin', host: oldPrimary, primary: host, epoch });
  return { kind: 'finished', result: 'done', primary: host, epoch };
}

/** What an abandoned plan gives back. */
export interface Back {
  /** Whether the route may be closed. */
  readonly isRouteOurs: boolean;
  /** The read servers of this primary's route. */
  readonly readOf: (primary: string) => readonly string[];
  /** Who was frozen. */
  readonly replicas: readonly string[];
}

/**
 * While nobody else is recorded, the old primary gets everything back: a new epoch of its own, for it may have been fenced though the journal
 * does not say so yet, its route, its replicas. After that it is too late: the new primary's agent opens by the record, and its route must not stay
 * closed. Undefined when the plan is not abandoned.
 */
export function giveBack(plan: FailoverPlan | ByHandPlan, back: Back): Next | undefined {
  if (plan.abandonedBy === undefined) return undefined;
  const { oldPrimary, epoch } = plan.inputs;
  const recorded = plan.entries.find(({ outcome }) => outcome.kind === 'recorded');
  if (recorded?.step.kind !== 'record-primary' || recorded.outcome.kind !== 'recorded')
    return step({ kind: 'record-primary', host: oldPrimary, expectedEpoch: epoch });
  const primary = recorded.step.host;
  if (back.isRouteOurs && !isDone(plan, 'publish-route'))
    return step({ kind: 'publish-route', write: primary, read: [...back.readOf(primary)] });
  if (primary === oldPrimary && isDone(plan, 'freeze') && !isDone(plan, 'resume-replication'))
    return step({ kind: 'resume-replication', hosts: [...back.replicas], source: oldPrimary });
  // The mark is what brings a former primary to the read list.
  if (primary !== oldPrimary && !isDone(plan, 'mark-rejoin'))
    return step({ kind: 'mark-rejoin', host: oldPrimary, primary, epoch: recorded.outcome.epoch });
  return { kind: 'finished', result: 'abandoned', primary };
}
