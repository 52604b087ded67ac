import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import type { Clock } from '../../ports/system.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { Member, PresenceRecord, PrimaryRecord } from '../../core/model/group.ts';
import type { GroupSnapshot, MemberView } from '../../core/model/snapshot.ts';
import { openFailovers } from '../../core/store/acks.ts';
import { readApproval } from '../../core/store/approvals.ts';
import { readMembers } from '../../core/store/inventory.ts';
import { readLostReplica } from '../../core/store/marks.ts';
import { isPaused } from '../../core/model/pause.ts';
import { listHostPauses, readHostPause, readPause } from '../../core/store/pauses.ts';
import { readPolicy } from '../../core/store/policy.ts';
import { readPresence } from '../../core/store/presences.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { readRoute } from '../../core/store/routes.ts';
import { readWatermark } from '../../core/store/watermark.ts';
import { countRecentFailovers } from './fleet.ts';

export interface Observer {
  readonly coordination: Coordination;
  readonly mysql: Mysql;
  readonly clock: Clock;
  readonly by: string;
  readonly agentPort: number;
  /** Deadline of this coordinator's own connection attempts, ms. */
  readonly probeTimeoutMs: number;
  /** Whether a returned primary goes back to the read list by itself (`rejoin.publish: auto`), where its group's policy does not say. */
  readonly publishReturned: boolean;
  /** Failovers of other groups count this long, ms. */
  readonly fleetWindowMs: number;
  /** Ask every server and look into the past, though all may be well: for people. */
  readonly everything?: boolean | undefined;
}

/**
 * Looks at everything that a decision about a group may use. MySQL servers are asked only where their agent does not vouch for them:
 * while the primary's does, ZooKeeper alone is read.
 */
export async function observe(
  group: string,
  observer: Observer,
  signal: AbortSignal,
): Promise<GroupSnapshot> {
  const { coordination: store, clock, by } = observer;
  const [members, pauses, primary, pause, route, watermark] = await Promise.all([
    readMembers(store, group, { agentPort: observer.agentPort }),
    listHostPauses(store),
    readPrimary(store, group),
    readPause(store, group),
    readRoute(store, group),
    readWatermark(store, group),
  ]);
  const [presences, pausedHosts] = await Promise.all([
    Promise.all(members.map((member) => presenceOf(store, member))),
    hostsAtRest(store, members, { pauses, now: clock.now() }),
  ]);
  const trouble = observer.everything === true || inTrouble(primary, members, presences);
  const [views, past] = await Promise.all([
    Promise.all(
      members.map((member, at) =>
        viewOf(member, presences[at], { observer, signal, ask: trouble || presences[at] === undefined }),
      ),
    ),
    trouble ? pastOf(group, observer) : { lastFailoverAt: undefined, recentFailovers: 0 },
  ]);
  return {
    group,
    takenAt: clock.now(),
    takenBy: by,
    members: views.map((view) => ({ ...view, paused: pausedHosts.includes(view.member.id) })),
    primary,
    paused: isPaused(pause, clock.now()),
    pause,
    route,
    watermark,
    ...past,
  };
}

/** Members that an operator works on. Mostly there is none, and one look at the list of pauses says so. */
async function hostsAtRest(
  store: Coordination,
  members: readonly Member[],
  { pauses, now }: { readonly pauses: readonly string[]; readonly now: number },
): Promise<readonly string[]> {
  const known = pauses.filter((id) => members.some((member) => member.id === id));
  const read = await Promise.all(known.map(async (id) => ({ id, pause: await readHostPause(store, id) })));
  return read.filter(({ pause }) => isPaused(pause, now)).map(({ id }) => id);
}

/** A presence that cannot be read is as good as none: MySQL is asked. */
export async function presenceOf(store: Coordination, member: Member): Promise<PresenceRecord | undefined> {
  try {
    return await readPresence(store, member.id);
  } catch (error) {
    if (hasCode(error, 'ZNODE_MALFORMED')) return undefined;
    throw error;
  }
}

function inTrouble(
  primary: PrimaryRecord | undefined,
  members: readonly Member[],
  presences: readonly (PresenceRecord | undefined)[],
): boolean {
  if (primary === undefined) return false;
  const verdict = presences[members.findIndex(({ id }) => id === primary.id)]?.verdict;
  return verdict !== 'up' && verdict !== 'saturated';
}

async function viewOf(
  member: Member,
  presence: PresenceRecord | undefined,
  {
    observer,
    signal,
    ask,
  }: { readonly observer: Observer; readonly signal: AbortSignal; readonly ask: boolean },
): Promise<MemberView> {
  const { coordination, mysql, probeTimeoutMs } = observer;
  const [probe, lost] = await Promise.all([
    ask ? mysql.probe(member.endpoint, { timeoutMs: probeTimeoutMs, signal }) : undefined,
    readLostReplica(coordination, member.id),
  ]);
  const heldBack = lost?.former === 1 && !(await isPublished(member.group, observer));
  const offForLag = lost?.late === 1;
  return { member, presence, probe, offSince: lost?.at, offForLag, heldBack };
}

/** Whether a returned primary goes back to the read list by itself: the group's own policy goes before the file's. */
async function isPublished(group: string, { coordination, publishReturned }: Observer): Promise<boolean> {
  const own = (await readPolicy(coordination, group)).rejoin?.publish;
  return own === undefined ? publishReturned : own === 'auto';
}

/** What the guards of an automatic failover ask of the past; read only when one may be due. */
async function pastOf(
  group: string,
  { coordination, clock, fleetWindowMs }: Observer,
): Promise<Pick<GroupSnapshot, 'lastFailoverAt' | 'recentFailovers' | 'approval'>> {
  const [open, recentFailovers, approval] = await Promise.all([
    openFailovers(coordination, group, 20),
    countRecentFailovers(coordination, { except: group, since: clock.now() - fleetWindowMs }),
    readApproval(coordination, group),
  ]);
  return { lastFailoverAt: open[0]?.at, recentFailovers, approval: approval?.request };
}
