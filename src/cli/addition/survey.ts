import type { Context } from '../context.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import { formatEndpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { Member } from '../../core/model/group.ts';
import { isPaused } from '../../core/model/pause.ts';
import {
  surveyLink,
  whyNoSource,
  type ChannelContext,
  type RegionalMeans,
} from '../../core/perform/regional-channels.ts';
import { assessChannel } from '../../core/regional/assess.ts';
import { regionalChannel } from '../../core/regional/channel.ts';
import type { RejectedSource, SourceChoice } from '../../core/regional/choose-source.ts';
import type { RegionalLink } from '../../core/regional/link.ts';
import { readMembers } from '../../core/store/inventory.ts';
import { readPause } from '../../core/store/pauses.ts';
import { readPresence } from '../../core/store/presences.ts';
import { readPrimary } from '../../core/store/primary.ts';

/** What a look at one channel found, and what the coordinators would do; nothing is changed by it. */
export interface ChannelReport {
  readonly group: string;
  readonly region: string;
  readonly channel: string;
  readonly primary: string;
  /** As `host:port`; '' while none is chosen. */
  readonly recorded: string;
  /** works, due, waits, stopped, broken, none. */
  readonly verdict: string;
  readonly says: string;
  /** Servers of the region that could be received from now. */
  readonly healthy: readonly string[];
  readonly rejected: readonly RejectedSource[];
}

export interface Looking {
  readonly context: Context;
  readonly store: Coordination;
}

/** What looking at servers needs, too. */
export interface Asking extends Looking {
  readonly mysql: Mysql;
  readonly regional: RegionalMeans;
}

/** Asks the group's servers and the region's, as a coordinator would. */
export async function lookAt(link: RegionalLink, looking: Asking): Promise<ChannelReport> {
  const { store, context } = looking;
  const { group, region, source } = link;
  const agentPort = context.config.agent.port;
  const [members, record] = [await readMembers(store, group, { agentPort }), await readPrimary(store, group)];
  const primary = members.find(({ id }) => id === record?.id);
  const common = {
    group,
    region,
    channel: regionalChannel(region),
    primary: primary?.id ?? '',
    recorded: source === undefined ? '' : formatEndpoint(source.endpoint),
  };
  const blank = { ...common, healthy: [], rejected: [] };
  if (primary === undefined)
    return {
      ...blank,
      verdict: 'waits',
      says: `the group has no recorded primary: dcmha add --group ${group}`,
    };
  const choice = await tryToSurvey(link, primary, members, looking);
  if (typeof choice === 'string')
    return { ...blank, verdict: 'waits', says: `its primary cannot be asked: ${choice}` };
  return {
    ...common,
    healthy: choice.healthy,
    rejected: choice.rejected,
    ...(await judge(link, choice, primary, looking)),
  };
}

async function tryToSurvey(
  link: RegionalLink,
  receiver: Member,
  members: readonly Member[],
  { store, context, mysql, regional }: Asking,
): Promise<SourceChoice | string> {
  const { gatherTimeoutMs } = context.config.failover;
  const channels: ChannelContext = {
    members,
    coordination: store,
    mysql,
    regional,
    limits: { gatherTimeoutMs, silentMs: context.config.coordinator.probeTimeoutMs },
  };
  try {
    return await surveyLink(link, { receiver }, channels);
  } catch (thrown) {
    return toDcmhaError(thrown).message;
  }
}

type Judgement = Pick<ChannelReport, 'verdict' | 'says'>;

async function judge(
  link: RegionalLink,
  choice: SourceChoice,
  primary: Member,
  { store, context }: Looking,
): Promise<Judgement> {
  const presence = await readPresence(store, primary.id);
  const health = presence?.channels?.find(({ name }) => name === regionalChannel(link.region));
  const { graceMs } = context.config.addition;
  // As if it had been away for long: the operator wants to know what is done then.
  const verdict = assessChannel(link, health, { unwellMs: graceMs, graceMs });
  switch (verdict.kind) {
    case 'fine':
      return { verdict: 'works', says: `receives from ${health?.source ?? ''}` };
    case 'stopped':
      return {
        verdict: 'stopped',
        says: 'somebody stopped it: it is left alone until it is started by hand',
      };
    case 'broken':
      return {
        verdict: 'broken',
        says: `its applier stopped, which another source does not help: ${verdict.why}`,
      };
    case 'wait':
    case 'due': {
      const isHeld = isPaused(await readPause(store, link.group), context.clock.now());
      const why = verdict.kind === 'due' ? verdict.why : 'its source is away';
      return judgeDue(link, choice, { isHeld, why });
    }
  }
}

function judgeDue(
  { group, region, source }: RegionalLink,
  { chosen, healthy, rejected }: SourceChoice,
  { isHeld, why }: { readonly isHeld: boolean; readonly why: string },
): Judgement {
  if (chosen === undefined)
    return { verdict: 'none', says: `nothing can be done: ${whyNoSource(region, rejected)}` };
  if (isHeld) return { verdict: 'waits', says: `the group is paused: dcmha unsetwhite --group ${group}` };
  const recorded = source === undefined ? undefined : formatEndpoint(source.endpoint);
  const isRecorded = recorded !== undefined && healthy.includes(recorded);
  const from = isRecorded ? recorded : `one of ${healthy.join(', ')}`;
  return { verdict: 'due', says: `the coordinators would receive from ${from} (${why})` };
}

export function renderReport(report: ChannelReport): string {
  const { group, region, channel, primary, recorded, verdict, says, healthy, rejected } = report;
  const known = recorded === '' ? 'none' : recorded;
  return [
    `${group} from region ${region}: ${verdict}: ${says}`,
    `  channel ${channel} on ${primary === '' ? 'no primary' : primary}, recorded source ${known}`,
    ...healthy.map((server) => `  ${server}: can be received from`),
    ...rejected.map(({ source, fault, why }) => `  ${source}: ${fault}: ${why}`),
  ].join('\n');
}
