import type { Coordination } from '../ports/coordination.ts';
import { formatEndpoint, sameEndpoint } from '../core/model/endpoint.ts';
import { hasCode } from '../core/model/errors.ts';
import type { Member, PresenceRecord, PrimaryRecord } from '../core/model/group.ts';
import { next } from '../core/plan/next.ts';
import { readDurability } from '../core/store/durability.ts';
import { listAlerts } from '../core/store/alerts.ts';
import { readMembers, readRouters } from '../core/store/inventory.ts';
import { readJournal } from '../core/store/journal.ts';
import { readLostReplica } from '../core/store/marks.ts';
import { isPaused, type Pause } from '../core/model/pause.ts';
import { readHostPause, readPause } from '../core/store/pauses.ts';
import { readPresence } from '../core/store/presences.ts';
import { readPrimary } from '../core/store/primary.ts';
import { readRoute, readRouteAcks, type PublishedRoute } from '../core/store/routes.ts';
import { formatDuration } from './duration.ts';
import { formatTime } from './output.ts';
import { readWatermark } from '../core/store/watermark.ts';
import { planOf } from '../roles/coordinator/plan-runner.ts';
import { semiSyncText } from './semi-sync-text.ts';
import { readRegionStatus, type RegionStatusRow } from './region-status.ts';

export interface ServerStatusRow {
  readonly host: string;
  readonly role: 'primary' | 'replica';
  /** Its data centre; '' when it has none. */
  readonly dc: string;
  readonly agent: 'up' | 'gone' | 'unreadable';
  readonly verdict: string;
  readonly writable: string;
  readonly replication: string;
  /** How old its data is: `12 ms` as its agent says now, `4000 ms or more` as it told last; '-' for the primary. */
  readonly lag: string;
  readonly reads: string;
  readonly why: string;
  /** By whom, why and until when; '' when it is not. */
  readonly paused: string;
  /** Whom it replicates from now, as `host:port`; '' for nobody. */
  readonly source: string;
  /** The intermediate that its metadata names; '' without one. */
  readonly from: string;
}

/** What ZooKeeper says of a group, for `dcmha status`. */
export interface GroupStatus {
  readonly group: string;
  readonly primary: string;
  readonly epoch: number;
  readonly paused: string;
  readonly plan: string;
  readonly write: string;
  /** How commits are acknowledged; '' where that is not managed. */
  readonly semiSync: string;
  readonly servers: readonly ServerStatusRow[];
  readonly routers: readonly { readonly router: string; readonly state: string }[];
  /** Channels from other regions. */
  readonly regions: readonly RegionStatusRow[];
  readonly alerts: readonly string[];
}

export interface StatusOptions {
  readonly agentPort: number;
  readonly now: number;
  /** Asks an agent how old its server's data is; undefined when it does not say. */
  readonly askLag: (member: Member) => Promise<number | undefined>;
}

export async function readGroupStatus(
  store: Coordination,
  group: string,
  { agentPort, now, askLag }: StatusOptions,
): Promise<GroupStatus> {
  const [members, primary, pause, route, alerts] = await Promise.all([
    readMembers(store, group, { agentPort }),
    readPrimary(store, group),
    readPause(store, group),
    readRoute(store, group),
    listAlerts(store),
  ]);
  const rows = members.map((member) =>
    serverRow(store, member, {
      primary: member.id === primary?.id,
      read: isRead(member, route),
      now,
      askLag,
    }),
  );
  return {
    group,
    primary: primary?.id ?? '',
    epoch: primary?.epoch ?? -1,
    paused: pauseText(pause, now),
    plan: await planText(store, group),
    write: writeText(route),
    semiSync: await semiSyncOf(store, group, primary),
    servers: await Promise.all(rows),
    routers: await routerRows(store, group, route?.version ?? -1),
    regions: await readRegionStatus(store, group, await readable(store, primary?.id)),
    alerts: [...alerts]
      .filter(([name]) => name === group || name.startsWith(`${group}_`))
      .map(([, { message }]) => message),
  };
}

function isRead(member: Member, route: PublishedRoute | undefined): boolean {
  return route?.route.read.some((at) => sameEndpoint(at, member.endpoint)) === true;
}

function pauseText(pause: Pause | undefined, now: number): string {
  if (pause === undefined || !isPaused(pause, now)) return '';
  const { by, why, until } = pause;
  const end =
    until === undefined ? '' : `until ${formatTime(until)} UTC, ${formatDuration(until - now)} left`;
  return [by === '' ? '' : `by ${by}`, why, end].filter((text) => text !== '').join(', ');
}

async function semiSyncOf(
  store: Coordination,
  group: string,
  primary: PrimaryRecord | undefined,
): Promise<string> {
  const [watermark, durability] = await Promise.all([
    readWatermark(store, group),
    readDurability(store, group),
  ]);
  // What another primary said says nothing of this one.
  return watermark?.epoch === primary?.epoch
    ? semiSyncText(watermark?.semiSync, durability?.terms ?? [])
    : '';
}

function placeOf({ endpoint, dc = '', from = '' }: Member): Pick<ServerStatusRow, 'host' | 'dc' | 'from'> {
  return { host: formatEndpoint(endpoint), dc, from };
}

function writeText(route: PublishedRoute | undefined): string {
  return route?.route.write === undefined ? '' : formatEndpoint(route.route.write);
}

interface RowOptions extends Pick<StatusOptions, 'now' | 'askLag'> {
  readonly primary: boolean;
  readonly read: boolean;
}

async function serverRow(
  store: Coordination,
  member: Member,
  { primary, read, now, askLag }: RowOptions,
): Promise<ServerStatusRow> {
  const presence = await presenceOf(store, member.id);
  const [lagMs, lost, pause] = await Promise.all([
    primary || typeof presence !== 'object' ? undefined : askLag(member),
    readLostReplica(store, member.id),
    readHostPause(store, member.id),
  ]);
  const offList = lost === undefined || primary ? 'no' : 'off';
  return {
    ...placeOf(member),
    role: primary ? 'primary' : 'replica',
    reads: read ? 'yes' : offList,
    ...agentColumns(presence, primary),
    lag: primary ? '-' : lagText(lagMs, presence),
    paused: pauseText(pause, now),
    source: primary ? '' : sourceOf(presence),
    why: [...reasonsOf(presence), ...(primary ? [] : [lost?.why])]
      .filter((text) => text !== undefined && text !== '')
      .join('; '),
  };
}

function sourceOf(presence: PresenceRecord | 'unreadable' | undefined): string {
  return typeof presence === 'object' ? (presence.replication?.source ?? '') : '';
}

function reasonsOf(presence: PresenceRecord | 'unreadable' | undefined): readonly (string | undefined)[] {
  return typeof presence === 'object' ? [presence.why, presence.replication?.error] : [];
}

type AgentColumns = Pick<ServerStatusRow, 'agent' | 'verdict' | 'writable' | 'replication'>;

function agentColumns(presence: PresenceRecord | 'unreadable' | undefined, primary: boolean): AgentColumns {
  if (presence === undefined) return { agent: 'gone', verdict: '-', writable: '-', replication: '-' };
  if (presence === 'unreadable')
    return { agent: 'unreadable', verdict: '-', writable: '-', replication: '-' };
  const { verdict, writable, replication } = presence;
  return {
    agent: 'up',
    verdict,
    writable: writable === true ? 'yes' : 'no',
    replication: primary || replication === undefined ? '-' : replication.state,
  };
}

function lagText(lagMs: number | undefined, presence: PresenceRecord | 'unreadable' | undefined): string {
  if (lagMs !== undefined) return `${Math.round(lagMs)} ms`;
  const told = typeof presence === 'object' ? presence.replication?.lagMs : undefined;
  return told === undefined ? '-' : `${told} ms or more`;
}

async function presenceOf(
  store: Coordination,
  id: string,
): Promise<PresenceRecord | 'unreadable' | undefined> {
  try {
    return await readPresence(store, id);
  } catch (error) {
    if (hasCode(error, 'ZNODE_MALFORMED')) return 'unreadable';
    throw error;
  }
}

async function readable(store: Coordination, id: string | undefined): Promise<PresenceRecord | undefined> {
  const presence = id === undefined ? undefined : await presenceOf(store, id);
  return presence === 'unreadable' ? undefined : presence;
}

async function planText(store: Coordination, group: string): Promise<string> {
  const state = await readJournal(store, group);
  if (state === undefined) return '';
  if (state.kind === 'unknown-program') return `a plan of program ${state.program}`;
  const plan = planOf(state.journal);
  const now = next(plan);
  switch (now.kind) {
    case 'step':
      return `${plan.kind}: ${now.step.kind}`;
    case 'blocked':
      return `${plan.kind} blocked: ${now.why}`;
    case 'finished':
      return `${plan.kind}: ending`;
  }
}

async function routerRows(
  store: Coordination,
  group: string,
  version: number,
): Promise<GroupStatus['routers']> {
  const [routers, acks] = await Promise.all([readRouters(store, group), readRouteAcks(store, group)]);
  return routers.map((router) => {
    const name = formatEndpoint(router);
    const ack = acks.find((one) => one.router === name);
    if (ack === undefined) return { router: name, state: 'gone' };
    if (ack.version < version) return { router: name, state: 'behind' };
    return { router: name, state: ack.write === '' ? 'write side closed' : `writes to ${ack.write}` };
  });
}
