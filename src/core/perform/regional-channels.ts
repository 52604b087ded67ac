import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql, Probe, ServerStatus } from '../../ports/mysql.ts';
import type { RegionalServers } from '../../ports/regional.ts';
import { formatEndpoint, sameEndpoint } from '../model/endpoint.ts';
import type { Member } from '../model/group.ts';
import { isRegional, regionalChannel } from '../regional/channel.ts';
import {
  chooseSource,
  sourcesOf,
  type RejectedSource,
  type SourceChoice,
} from '../regional/choose-source.ts';
import type { RegionalLink, RegionalSource } from '../regional/link.ts';
import { readRegion, writeLink } from '../store/additions.ts';

/** What tending regional channels needs beside the group's own servers. */
export interface RegionalMeans {
  readonly servers: RegionalServers;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** A source must be away for this long before another takes its place. */
  readonly graceMs: number;
}

/** What moving a channel needs; a part of what performing a step does. */
export interface ChannelContext {
  readonly members: readonly Member[];
  readonly coordination: Coordination;
  readonly mysql: Mysql;
  readonly regional: RegionalMeans;
  readonly limits: { readonly gatherTimeoutMs: number; readonly silentMs: number };
  readonly signal?: AbortSignal | undefined;
  /** The receiver is the primary, or it is not what was meant. A plan also has an elected server receive, before it opens. */
  readonly mustBeOpen?: boolean | undefined;
}

export type Placement =
  | {
      readonly kind: 'placed';
      readonly source: string;
      /** Of what is wanted, as it stands now. */
      readonly version: number;
      readonly rejected: readonly RejectedSource[];
    }
  /** No server of the region can be received from. */
  | { readonly kind: 'none'; readonly rejected: readonly RejectedSource[] };

/** Towards a source that hangs, a server waits for seconds before its receiver ends. */
const hangingSourceMs = 5000;

/** The server that is to receive, and the source that is lost, as `host:port`, if one is. */
export interface ChannelMove {
  readonly receiver: Member;
  readonly leave?: string | undefined;
}

/**
 * Asks everybody and chooses, and changes nothing. Throws what asking the receiver does.
 */
export async function surveyLink(
  link: RegionalLink,
  { receiver, leave }: ChannelMove,
  context: ChannelContext,
): Promise<SourceChoice & { readonly own: ServerStatus }> {
  const { mysql, regional, limits, signal } = context;
  const members = await Promise.all(
    context.members.map(async ({ endpoint }) => {
      const probe = await mysql.probe(endpoint, { timeoutMs: limits.silentMs, signal });
      return { endpoint, status: probe.kind === 'up' ? probe.status : undefined };
    }),
  );
  // Before the candidates: what it receives meanwhile must not look as if they lacked it.
  const own = await mysql.status(receiver.endpoint, { timeoutMs: limits.gatherTimeoutMs, signal });
  const region = (await readRegion(context.coordination, link.region)) ?? [];
  const ask = async (source: RegionalSource): Promise<{ source: RegionalSource; probe: Probe }> => ({
    source,
    probe: await regional.servers.probe(source, { timeoutMs: limits.gatherTimeoutMs, signal }),
  });
  const candidates = await Promise.all(sourcesOf(link, region).map(ask));
  const writable = await Promise.all(
    candidates
      .filter(({ probe }) => probe.kind === 'up' && !probe.status.readOnly)
      .map(({ source }) => ask(source)),
  );
  const choice = chooseSource({
    link,
    members,
    own,
    candidates,
    writable: writable.flatMap(({ probe }) => (probe.kind === 'up' ? [probe.status] : [])),
    leave,
    pick: regional.random(),
  });
  return { ...choice, own };
}

/**
 * Sets a channel up on a server, or moves it to another source: chosen, recorded, then followed by GTID. Safe to repeat. Throws
 * `ZNODE_CONFLICT` when somebody changed what is wanted meanwhile, and what MySQL says.
 */
export async function placeChannel(
  link: RegionalLink,
  move: ChannelMove,
  context: ChannelContext,
): Promise<Placement> {
  return settleChannel(link, await surveyLink(link, move, context), move.receiver, context);
}

/** The second half of {@link placeChannel}: what was chosen is recorded and followed. */
export async function settleChannel(
  link: RegionalLink,
  { chosen, rejected, uuids }: Pick<SourceChoice, 'chosen' | 'rejected' | 'uuids'>,
  receiver: Member,
  context: ChannelContext,
): Promise<Placement> {
  if (chosen === undefined) return { kind: 'none', rejected };
  const { source, serverUuid } = chosen;
  const known = [...new Set([...uuids, serverUuid])].sort();
  const isRecorded =
    sameEndpoint(source.endpoint, link.source?.endpoint) &&
    source.ssl === link.source?.ssl &&
    known.join() === [...link.uuids].sort().join();
  const version = isRecorded
    ? link.version
    : await writeLink(context.coordination, { ...link, source, uuids: known });
  await followSource(link, source, receiver, context);
  return { kind: 'placed', source: formatEndpoint(source.endpoint), version, rejected };
}

/** Points the channel at a source, with its account, TLS and filters; an equal running one is left alone. */
export async function followSource(
  link: RegionalLink,
  source: RegionalSource,
  receiver: Member,
  { mysql, limits, signal, mustBeOpen }: ChannelContext,
): Promise<void> {
  const { only, ignore, region } = link;
  await mysql.follow(
    receiver.endpoint,
    {
      source: source.endpoint,
      channel: regionalChannel(region),
      regional: { ssl: source.ssl, only, ignore, mustBeOpen },
    },
    { timeoutMs: limits.gatherTimeoutMs + hangingSourceMs, signal },
  );
}

/** Takes the regional channels of a server away, but for those of `keep`; returns their names. Safe to repeat. */
export async function dropRegionalChannels(
  server: Member['endpoint'],
  keep: readonly string[],
  {
    mysql,
    timeoutMs,
    signal,
  }: { readonly mysql: Mysql; readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const { channels } = await mysql.status(server, { timeoutMs, signal });
  const kept = keep.map(regionalChannel);
  const names = channels.map(({ name }) => name).filter((name) => isRegional(name) && !kept.includes(name));
  for (const name of names)
    await mysql.resetReplication(server, name, { timeoutMs: timeoutMs + hangingSourceMs, signal });
  return names;
}

/** Why there is none, in words for an operator. */
export function whyNoSource(region: string, rejected: readonly RejectedSource[]): string {
  if (rejected.length === 0)
    return `region ${region} has no servers: dcmha addition regionmeta --region ${region}`;
  return rejected.map(({ source, why }) => `${source}: ${why}`).join('; ');
}
