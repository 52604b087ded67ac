import type { Probe } from '../../ports/mysql.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import type { Member, Route } from '../model/group.ts';
import type { GroupSnapshot, MemberView } from '../model/snapshot.ts';
import { defaultChannel } from './replication.ts';
import { lagOf, lateReaders, type LagPolicy } from './late-readers.ts';

/** A replica that is to leave the read list. */
export interface Lost {
  readonly id: string;
  readonly why: string;
  /** It is well but late, and so must be in time for a while before it comes back. */
  readonly late?: true;
}

/** Changes of a group's read list that are due. */
export interface ReadChanges {
  /** Replicas to take off, and why. */
  readonly lost: readonly Lost[];
  /** Replicas that came back by themselves. */
  readonly returned: readonly string[];
  /** The read list after both. */
  readonly read: readonly Endpoint[];
  /** When to look again for a replica whose grace or time of proof is not over, ms; undefined: no reason to. */
  readonly lookAgainMs: number | undefined;
}

export interface ReadPolicy {
  /** A replica that is unwell for longer than this leaves. */
  readonly graceMs: number;
  readonly lag: LagPolicy;
}

/** What the caller keeps between looks: times by its monotonic clock, ms, by member. */
export interface ReadMemory {
  readonly unwellSince: Map<string, number>;
  readonly inTimeSince: Map<string, number>;
}

export function newReadMemory(): ReadMemory {
  return { unwellSince: new Map(), inTimeSince: new Map() };
}

/**
 * Who is read from: a replica that is unwell for longer than its grace leaves, and one that is too late; one that was lost returns when
 * it replicates again, and is in time. One that was never on the list is not put there: that is the operator's (`setha`) or the return
 * plan's to do.
 */
export function decideReads(
  snapshot: GroupSnapshot,
  policy: ReadPolicy,
  memory: ReadMemory,
  /** By the monotonic clock, ms: a step of the wall clock must not stretch a grace. */
  now: number,
): ReadChanges {
  const route = snapshot.route?.route;
  if (route?.write === undefined || snapshot.paused) {
    return { lost: [], returned: [], read: route?.read ?? [], lookAgainMs: undefined };
  }
  const { members } = snapshot;
  const primary = members.find(({ member }) => member.id === snapshot.primary?.id);
  const fates = snapshot.members
    .filter((view) => view !== primary && view.paused !== true)
    .map((view) => fateOf(view, { route, members, primary, policy, memory, now }));
  const sick = fates.flatMap(({ view, lost: why }) =>
    why === undefined ? [] : [{ id: view.member.id, why }],
  );
  const back = fates.filter(({ returned }) => returned).map(({ view }) => view.member);
  const readers = fates.filter(({ listed, lost, view }) => lost === undefined && (listed || view.offForLag));
  const late = lateReaders(
    readers.map(({ view, listed, returned }) => ({ view, isOff: !listed && returned !== true })),
    policy.lag,
  ).map(({ view, why }): Lost => ({ id: view.member.id, why, late: true }));
  const lost = [...sick, ...late];
  const gone = snapshot.members
    .filter(({ member }) => lost.some(({ id }) => id === member.id))
    .map(({ member }) => member.endpoint);
  const waits = fates.flatMap(({ leftMs }) => leftMs ?? []);
  return {
    lost,
    returned: back.map(({ id }) => id),
    read: [
      ...route.read.filter((server) => !gone.some((other) => sameEndpoint(server, other))),
      ...back.map(({ endpoint }) => endpoint),
    ],
    lookAgainMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

interface Fate {
  readonly view: MemberView;
  readonly listed: boolean;
  readonly lost?: string;
  readonly returned?: boolean;
  /** Grace, or time of proof, that is left, ms. */
  readonly leftMs?: number;
}

interface Circumstances {
  readonly route: Route;
  readonly members: readonly MemberView[];
  readonly primary: MemberView | undefined;
  readonly policy: ReadPolicy;
  readonly memory: ReadMemory;
  readonly now: number;
}

function fateOf(view: MemberView, { route, members, primary, policy, memory, now }: Circumstances): Fate {
  const { id, endpoint, from } = view.member;
  const above = members.filter((other) => other.member.id === from).map(({ member }) => member);
  const listed = route.read.some((server) => sameEndpoint(server, endpoint));
  const why = unwell(view, primary === undefined ? [] : [primary.member, ...above]);
  if (why === undefined) {
    memory.unwellSince.delete(id);
    return { view, listed, ...(listed ? {} : comingBack(view, { policy, memory, now })) };
  }
  memory.inTimeSince.delete(id);
  const since = memory.unwellSince.get(id) ?? now;
  memory.unwellSince.set(id, since);
  if (!listed) return { view, listed };
  const leftMs = policy.graceMs - (now - since);
  return leftMs > 0 ? { view, listed, leftMs } : { view, listed, lost: why };
}

/** Whether a replica that is well and off the list comes back, or when that may be. */
function comingBack(
  view: MemberView,
  { policy, memory, now }: Pick<Circumstances, 'policy' | 'memory' | 'now'>,
): Pick<Fate, 'returned' | 'leftMs'> {
  const { id } = view.member;
  if (view.offSince === undefined || view.heldBack || !isKnownToReplicate(view)) return {};
  if (lagOf(view) >= policy.lag.returnMs) {
    memory.inTimeSince.delete(id);
    return {};
  }
  if (!view.offForLag) return { returned: true };
  const since = memory.inTimeSince.get(id) ?? now;
  memory.inTimeSince.set(id, since);
  const leftMs = policy.lag.holdMs - (now - since);
  return leftMs > 0 ? { leftMs } : { returned: true };
}

/** Why a replica should not be read from, or undefined when it may. */
function unwell({ presence, probe }: MemberView, sources: readonly Member[]): string | undefined {
  if (presence === undefined) return unwellByProbe(probe, sources);
  if (presence.verdict !== 'up' && presence.verdict !== 'saturated') return `MySQL is ${presence.verdict}`;
  const replication = presence.replication;
  if (replication === undefined) {
    // Who cannot log in to a server that is full of clients cannot ask it, and without a primary nobody replicates.
    const mayBeSilent = presence.verdict === 'saturated' || sources.length === 0;
    // Otherwise its agent has not read the record since: it takes its server for the primary of a term that is over.
    return mayBeSilent ? undefined : 'its agent does not say that it replicates';
  }
  if (replication.state !== 'replicating') return `replication is ${replication.state}`;
  return whyElsewhere(replication.source, sources);
}

/** To be read from again takes more than that nothing bad is known. */
function isKnownToReplicate({ presence }: MemberView): boolean {
  return presence === undefined || presence.replication !== undefined;
}

/** A replica whose agent alone died still serves reads: MySQL is asked itself. */
function unwellByProbe(probe: Probe | undefined, sources: readonly Member[]): string | undefined {
  if (probe?.kind !== 'up') return 'its agent is gone and MySQL does not answer';
  const channel = defaultChannel(probe.status);
  if (channel?.receiver !== 'on' || channel.applier !== 'on')
    return 'its agent is gone and it does not replicate';
  return whyElsewhere(formatEndpoint(channel.source), sources);
}

function whyElsewhere(source: string, sources: readonly Member[]): string | undefined {
  const isRight = sources.some(({ endpoint }) => source === formatEndpoint(endpoint));
  return isRight || sources.length === 0 ? undefined : `it replicates from ${source}`;
}
