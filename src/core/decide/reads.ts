import type { Probe } from '../../ports/mysql.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import type { Route } from '../model/group.ts';
import type { GroupSnapshot, MemberView } from '../model/snapshot.ts';

/** Changes of a group's read list that are due. */
export interface ReadChanges {
  /** Replicas to take off, and why. */
  readonly lost: readonly { readonly id: string; readonly why: string }[];
  /** Replicas that came back by themselves. */
  readonly returned: readonly string[];
  /** The read list after both. */
  readonly read: readonly Endpoint[];
  /** When to look again for a replica whose grace is not over, ms; undefined: no reason to. */
  readonly lookAgainMs: number | undefined;
}

/** Since when each replica is unwell, ms since 1970, kept by the caller between looks. */
export type UnwellSince = Map<string, number>;

/**
 * Who is read from: a replica that is unwell for longer than `graceMs` leaves; one that was lost returns when it replicates again.
 * One that was never on the list is not put there: that is the operator's (`setha`) or the return plan's to do.
 */
export function decideReads(snapshot: GroupSnapshot, graceMs: number, unwellSince: UnwellSince): ReadChanges {
  const route = snapshot.route?.route;
  if (route?.write === undefined || snapshot.paused) {
    return { lost: [], returned: [], read: route?.read ?? [], lookAgainMs: undefined };
  }
  const primary = snapshot.members.find(({ member }) => member.id === snapshot.primary?.id);
  const fates = snapshot.members
    .filter((view) => view !== primary && view.paused !== true)
    .map((view) => fateOf(view, { route, primary, graceMs, unwellSince, now: snapshot.takenAt }));
  const lost = fates.flatMap(({ view, lost: why }) =>
    why === undefined ? [] : [{ id: view.member.id, why }],
  );
  const back = fates.filter(({ returned }) => returned).map(({ view }) => view.member);
  const gone = fates.filter(({ lost: why }) => why !== undefined).map(({ view }) => view.member.endpoint);
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
  readonly lost?: string;
  readonly returned?: boolean;
  /** Grace that is left, ms. */
  readonly leftMs?: number;
}

interface Circumstances {
  readonly route: Route;
  readonly primary: MemberView | undefined;
  readonly graceMs: number;
  readonly unwellSince: UnwellSince;
  readonly now: number;
}

function fateOf(view: MemberView, { route, primary, graceMs, unwellSince, now }: Circumstances): Fate {
  const { id, endpoint } = view.member;
  const listed = route.read.some((server) => sameEndpoint(server, endpoint));
  const why = unwell(view, primary?.member.endpoint);
  if (why === undefined) {
    unwellSince.delete(id);
    return { view, returned: !listed && view.offSince !== undefined && !view.heldBack };
  }
  const since = unwellSince.get(id) ?? now;
  unwellSince.set(id, since);
  if (!listed) return { view };
  const leftMs = graceMs - (now - since);
  return leftMs > 0 ? { view, leftMs } : { view, lost: why };
}

/** Why a replica should not be read from, or undefined when it may. */
function unwell({ presence, probe }: MemberView, primary: Endpoint | undefined): string | undefined {
  if (presence === undefined) return unwellByProbe(probe);
  if (presence.verdict !== 'up' && presence.verdict !== 'saturated') return `MySQL is ${presence.verdict}`;
  const replication = presence.replication;
  if (replication === undefined) return undefined;
  if (replication.state !== 'replicating') return `replication is ${replication.state}`;
  if (primary !== undefined && replication.source !== formatEndpoint(primary)) {
    return `it replicates from ${replication.source}`;
  }
  return undefined;
}

/** A replica whose agent alone died still serves reads: MySQL is asked itself. */
function unwellByProbe(probe: Probe | undefined): string | undefined {
  if (probe?.kind !== 'up') return 'its agent is gone and MySQL does not answer';
  const channel = probe.status.channels.find(({ name }) => name === '');
  return channel?.receiver === 'on' && channel.applier === 'on'
    ? undefined
    : 'its agent is gone and it does not replicate';
}
