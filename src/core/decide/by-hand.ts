import type { Probe, ServerStatus } from '../../ports/mysql.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import type { Member, PresenceRecord } from '../model/group.ts';
import { whyWithoutGtids } from './gtid-mode.ts';
import { defaultChannel } from './replication.ts';

/** One member as it was found when an operator said who the primary is. */
export interface FoundMember {
  readonly member: Member;
  readonly presence: PresenceRecord | undefined;
  readonly probe: Probe;
  /** An operator works on it: nothing is asked of it. */
  readonly paused: boolean;
}

/** An answer that proves that no mysqld is there, unlike silence. */
const NOBODY_LISTENS = new Set(['ECONNREFUSED', 'ENOENT']);

/**
 * Why `host` is not the group's one writer after manual work, one reason a line; [] when it is: it takes writes, nobody else does, and the
 * others replicate from it. A member that is down for certain is nobody's writer, and needs no replication to say that.
 */
export function doubtsAboutHandwork(host: string, found: readonly FoundMember[]): readonly string[] {
  const named = found.find(({ member }) => member.id === host);
  if (named === undefined) return [`${host} is no member`];
  const doubts = doubtsAboutNamed(named);
  if (named.probe.kind !== 'up') return doubts;
  const { status } = named.probe;
  const others = found.filter((one) => one !== named && !one.paused);
  return [...doubts, ...others.flatMap((other) => doubtsAboutOther(other, { named, theirs: status, found }))];
}

function doubtsAboutNamed({ member: { id }, probe }: FoundMember): string[] {
  if (probe.kind !== 'up') return [`${id} does not answer: ${probe.message}`];
  const { status } = probe;
  const channel = defaultChannel(status);
  const unfit = whyWithoutGtids(status);
  return [
    status.readOnly || status.superReadOnly ? `${id} is read-only: SET GLOBAL read_only = OFF` : undefined,
    channel === undefined
      ? undefined
      : `${id} still replicates from ${formatEndpoint(channel.source)}: STOP REPLICA; RESET REPLICA ALL`,
    unfit === undefined ? undefined : `${id}: ${unfit}`,
  ].filter((text) => text !== undefined);
}

interface Around {
  readonly named: FoundMember;
  readonly theirs: ServerStatus;
  readonly found: readonly FoundMember[];
}

function doubtsAboutOther(other: FoundMember, { named, theirs, found }: Around): string[] {
  const { member, probe } = other;
  const primary = named.member.id;
  if (probe.kind !== 'up') {
    return isGone(other)
      ? []
      : [`${member.id} does not answer, so it may be taking writes: ${probe.message}`];
  }
  const { status } = probe;
  if (!status.superReadOnly) return [`${member.id} is writable, too: SET GLOBAL super_read_only = ON`];
  const missing = parseGtidSet(status.executed).subtract(parseGtidSet(theirs.executed));
  return [
    whyNotBelow(other, named.member, found),
    missing.isEmpty()
      ? undefined
      : `${member.id} has executed what ${primary} lacks: ${missing.toCompactString()}`,
  ].filter((text) => text !== undefined);
}

function isGone({ probe, presence }: FoundMember): boolean {
  return probe.kind === 'down' && (NOBODY_LISTENS.has(probe.code) || presence?.verdict === 'dead');
}

/** Replicating through other members is replicating. */
function whyNotBelow(
  { member, probe }: FoundMember,
  primary: Member,
  found: readonly FoundMember[],
): string | undefined {
  const channel = probe.kind === 'up' ? defaultChannel(probe.status) : undefined;
  if (channel === undefined) return `${member.id} does not replicate from ${primary.id}`;
  if (channel.receiver === 'off' || channel.applier === 'off')
    return `replication is stopped on ${member.id}: START REPLICA`;
  const others = found.filter((one) => one.member.id !== member.id);
  if (leadsTo(channel.source, primary, others)) return undefined;
  return `${member.id} replicates from ${formatEndpoint(channel.source)}, not from ${primary.id}`;
}

/** Whether a source is the primary, or replicates from it in its turn. Each member is passed once at most: there may be a circle. */
function leadsTo(source: Endpoint, primary: Member, others: readonly FoundMember[]): boolean {
  if (sameEndpoint(source, primary.endpoint)) return true;
  const above = others.find(({ member }) => sameEndpoint(member.endpoint, source));
  const channel = above?.probe.kind === 'up' ? defaultChannel(above.probe.status) : undefined;
  if (channel === undefined) return false;
  return leadsTo(
    channel.source,
    primary,
    others.filter((one) => one !== above),
  );
}
