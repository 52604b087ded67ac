import type { Probe, ServerStatus } from '../../ports/mysql.ts';
import { whyWithoutGtids } from '../decide/gtid-mode.ts';
import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import { regionalChannel } from './channel.ts';
import type { RegionalLink, RegionalSource } from './link.ts';

/** A server of the group that is to receive. */
export interface OwnServer {
  readonly endpoint: Endpoint;
  /** undefined: it does not answer. */
  readonly status: ServerStatus | undefined;
}

/** A server of the region, as it answered. */
export interface Candidate {
  readonly source: RegionalSource;
  readonly probe: Probe;
}

/** Everything that the choice of a source may use. */
export interface SourceFacts {
  readonly link: RegionalLink;
  readonly members: readonly OwnServer[];
  /** Of the group's primary, which is to receive; asked before the candidates. */
  readonly own: ServerStatus;
  readonly candidates: readonly Candidate[];
  /** The region's writable servers, asked again after all the others: they only grow. */
  readonly writable: readonly ServerStatus[];
  /** The source that is lost, as `host:port`: taken again only when there is no other. */
  readonly leave?: string | undefined;
  /** From 0 up to 1: which of several equals. */
  readonly pick: number;
}

/**
 * loop: it must never be a source of this group. gap: it has purged what the primary lacks. errant: it holds what its own primary lacks.
 * behind: it lacks transactions of the region that the primary has. down, unfit: not now.
 */
export type SourceFault = 'loop' | 'gap' | 'errant' | 'behind' | 'unfit' | 'down';

export interface RejectedSource {
  readonly source: string;
  readonly fault: SourceFault;
  readonly why: string;
}

export interface ChosenSource {
  readonly source: RegionalSource;
  readonly serverUuid: string;
  /** What it had executed when it was asked. */
  readonly executed: string;
}

export interface SourceChoice {
  /** undefined: there is none. */
  readonly chosen: ChosenSource | undefined;
  /** Those that any of could be, as `host:port`. */
  readonly healthy: readonly string[];
  readonly rejected: readonly RejectedSource[];
  /** Every server UUID of the region that is known now. */
  readonly uuids: readonly string[];
}

/**
 * Who is received from: the recorded source where it does, else one of the healthy at random, so that the groups of a region spread over
 * its servers. By GTID, so each must have all that the primary lacks, and lack nothing that it has of the region.
 */
export function chooseSource(facts: SourceFacts): SourceChoice {
  const { link, candidates, leave, pick } = facts;
  const known = knownUuids(facts);
  const judged = candidates.map((candidate) => ({
    ...candidate,
    fault: faultOf(candidate, facts, known),
    name: formatEndpoint(candidate.source.endpoint),
  }));
  const rejected = judged.flatMap(({ name, fault }) =>
    fault === undefined ? [] : [{ source: name, ...fault }],
  );
  const healthy = judged.flatMap(({ source, probe, fault, name }) =>
    fault === undefined && probe.kind === 'up' ? [{ name, value: chosenOf(source, probe.status) }] : [],
  );
  const others = healthy.filter(({ name }) => name !== leave);
  const eligible = others.length > 0 ? others : healthy;
  const recorded = eligible.find(({ value }) => sameEndpoint(value.source.endpoint, link.source?.endpoint));
  const chosen = recorded ?? eligible[Math.floor(pick * eligible.length)];
  return { chosen: chosen?.value, healthy: healthy.map(({ name }) => name), rejected, uuids: known };
}

function chosenOf(source: RegionalSource, { serverUuid, executed }: ServerStatus): ChosenSource {
  return { source, serverUuid, executed };
}

/** The servers that may be received from: the region's, and the recorded source, with TLS as an operator said for it. */
export function sourcesOf(link: RegionalLink, region: readonly RegionalSource[]): readonly RegionalSource[] {
  const { source } = link;
  if (source === undefined) return region;
  return [source, ...region.filter(({ endpoint }) => !sameEndpoint(endpoint, source.endpoint))];
}

interface Fault {
  readonly fault: SourceFault;
  readonly why: string;
}

function faultOf(
  { source, probe }: Candidate,
  facts: SourceFacts,
  known: readonly string[],
): Fault | undefined {
  const member = facts.members.find(({ endpoint }) => sameEndpoint(endpoint, source.endpoint));
  if (member !== undefined) return loop(`it is a member of group ${facts.link.group}`);
  if (probe.kind === 'down') return { fault: 'down', why: `it does not answer: ${probe.message}` };
  if (probe.kind === 'refused') return { fault: 'down', why: `it refuses: ${probe.message}` };
  const { status } = probe;
  return loopOf(status, facts) ?? unfitness(status) ?? gapOf(status, facts, known) ?? errantOf(status, facts);
}

/** What would bring a group its own changes back, or make it drop a region's as its own. */
function loopOf({ serverUuid, serverId, channels }: ServerStatus, facts: SourceFacts): Fault | undefined {
  const { group, region } = facts.link;
  for (const { endpoint, status } of facts.members) {
    const name = formatEndpoint(endpoint);
    if (status?.serverUuid === serverUuid) return loop(`it is ${name}, a member of group ${group}`);
    // A receiver passes over events of its own server_id, GTID and all.
    if (status?.serverId === serverId)
      return loop(`it has the server_id ${serverId} of ${name}, which would pass over its changes`);
    const isReplica = channels.some(
      (channel) => channel.name === '' && sameEndpoint(channel.source, endpoint),
    );
    if (isReplica)
      return loop(`it is a replica of ${name}, of group ${group}: it holds this group's own changes`);
  }
  const own = regionalChannel(region);
  return channels.some(({ name }) => name === own)
    ? loop(`it receives from region ${region} itself, so it is none of its servers`)
    : undefined;
}

function loop(why: string): Fault {
  return { fault: 'loop', why };
}

function unfitness(status: ServerStatus): Fault | undefined {
  const why = whyWithoutGtids(status);
  if (why !== undefined) return { fault: 'unfit', why };
  const channel = status.channels.find(({ name }) => name === '');
  if (channel === undefined || !status.readOnly) return undefined;
  const isRunning = channel.receiver === 'on' && channel.applier === 'on';
  return isRunning ? undefined : { fault: 'unfit', why: 'it is a replica that does not replicate' };
}

function gapOf(status: ServerStatus, facts: SourceFacts, known: readonly string[]): Fault | undefined {
  const own = parseGtidSet(facts.own.executed);
  const purged = parseGtidSet(status.purged).subtract(own);
  if (!purged.isEmpty())
    return {
      fault: 'gap',
      why: `it has purged ${summary(purged)}, which the primary lacks: load the primary from a backup of the region first`,
    };
  const lacking = regionsPart(facts, known)
    .subtract(parseGtidSet(status.executed))
    .subtract(parseGtidSet(facts.link.accepted));
  if (lacking.isEmpty()) return undefined;
  return { fault: 'behind', why: `it lacks ${summary(lacking)} of the region, which the primary has` };
}

/** What the primary has of the region: what its channel received, and what bears the name of a server there. */
function regionsPart({ own, link }: SourceFacts, known: readonly string[]): GtidSet {
  const executed = parseGtidSet(own.executed);
  const channel = own.channels.find(({ name }) => name === regionalChannel(link.region));
  const received = parseGtidSet(channel?.retrieved ?? '').intersect(executed);
  return known.reduce((part, uuid) => part.union(executed.ofUuid(uuid)), received);
}

/** Local writes of a replica would spread to the group, though its own primary does not have them. */
function errantOf(status: ServerStatus, { writable }: SourceFacts): Fault | undefined {
  if (!status.readOnly || writable.length === 0) return undefined;
  const shared = writable.reduce((all, { executed }) => all.union(parseGtidSet(executed)), EMPTY_GTID_SET);
  const errant = parseGtidSet(status.executed).subtract(shared);
  if (errant.isEmpty()) return undefined;
  return { fault: 'errant', why: `it holds ${summary(errant)}, which the region's primary lacks` };
}

/** Servers of the group are none of the region, whatever was recorded. */
function knownUuids({ link, candidates, members }: SourceFacts): readonly string[] {
  const own = members.map(({ status }) => status?.serverUuid);
  const seen = candidates.flatMap(({ probe }) => (probe.kind === 'up' ? [probe.status.serverUuid] : []));
  return [...new Set([...link.uuids, ...seen])].filter((uuid) => !own.includes(uuid)).sort();
}

function summary(gtids: GtidSet): string {
  const text = gtids.toCompactString();
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return `${gtids.count().toString()} transactions (${shown})`;
}
