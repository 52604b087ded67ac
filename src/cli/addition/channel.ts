import { formatEndpoint, parseEndpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { checkRegionName, regionalChannel } from '../../core/regional/channel.ts';
import type { RegionalLink, RegionalSource } from '../../core/regional/link.ts';
import {
  listLinks,
  listRegions,
  readLink,
  readRegion,
  removeLink,
  writeLink,
} from '../../core/store/additions.ts';
import { readMemberIds } from '../../core/store/inventory.ts';
import { print } from '../output.ts';
import { lookAt, renderReport, type Asking, type ChannelReport, type Looking } from './survey.ts';

/** What an operator says of a channel; undefined leaves it as it is. */
export interface ChannelWish {
  readonly group: string;
  readonly region: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly ssl?: boolean | undefined;
  readonly only?: string | undefined;
  readonly ignore?: string | undefined;
  readonly accept?: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

const nothingSaid = { source: undefined, only: [], ignore: [], uuids: [], accepted: '' };

/** `replmeta`: looks first; what can never work is refused, what may work later is written and told. */
export async function wishChannel(wish: ChannelWish, looking: Asking): Promise<void> {
  const { store } = looking;
  const { group, region } = wish;
  await readMemberIds(store, group);
  checkRegionName(region, [...(await listRegions(store)), ...(await listLinks(store, group))]);
  const servers = await readRegion(store, region);
  const before = await readLink(store, group, region);
  const link = { ...nothingSaid, group, region, version: -1, ...before, ...changes(wish, servers ?? []) };
  if (servers === undefined && link.source === undefined) {
    const remedy = `name a --host, or first: dcmha addition regionmeta --region ${region} --hosts ...`;
    throw new DcmhaError('NOT_FOUND', `nothing is known of region ${region}: ${remedy}`, {
      details: { region },
    });
  }
  const report = await lookAt(link, looking);
  refuseHopeless(link, report);
  if (!wish.dryRun) await writeLink(store, { ...link, version: before?.version });
  const done = wish.dryRun ? 'would be recorded' : before === undefined ? 'is recorded' : 'is changed';
  print(wish.json, { recorded: !wish.dryRun, before: before ?? {}, report }, () =>
    [
      `channel ${regionalChannel(region)} of group ${group} ${done}`,
      renderReport(report),
      ...(wish.dryRun ? [] : [`back: ${undoOf(group, region, before)}`]),
    ].join('\n'),
  );
}

function changes(wish: ChannelWish, servers: readonly RegionalSource[]): Partial<RegionalLink> {
  const source = sourceOf(wish, servers);
  return {
    ...(source === undefined ? {} : { source }),
    ...(wish.only === undefined ? {} : { only: patternsOf('--only', wish.only) }),
    ...(wish.ignore === undefined ? {} : { ignore: patternsOf('--ignore', wish.ignore) }),
    ...(wish.accept === undefined ? {} : { accepted: parseGtidSet(wish.accept).toCompactString() }),
  };
}

function sourceOf(
  { host: text, port, ssl }: ChannelWish,
  servers: readonly RegionalSource[],
): RegionalSource | undefined {
  if (text === undefined) return undefined;
  const named = servers.find(({ endpoint }) => [endpoint.host, formatEndpoint(endpoint)].includes(text));
  const wanted = port ?? named?.endpoint.port ?? 3306;
  const endpoint = /:\d+$/.test(text) && !text.includes('::') ? text : `${bracketed(text)}:${wanted}`;
  return { endpoint: parseEndpoint(endpoint, '--host'), ssl: ssl ?? named?.ssl ?? false };
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

const PATTERN = /^[^\s.,'"`()]+\.[^\s.,'"`()]+$/;

/** `a.%,b.t`; '' for none. */
function patternsOf(flag: string, text: string): readonly string[] {
  const patterns = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const wrong = patterns.find((pattern) => !PATTERN.test(pattern));
  if (wrong === undefined) return patterns;
  throw new DcmhaError(
    'USAGE',
    `${flag} ${JSON.stringify(wrong)} is not DATABASE.TABLE, with % and _ as in LIKE: app.%`,
  );
}

/** What no waiting mends. */
function refuseHopeless({ source, group }: RegionalLink, { healthy, rejected }: ChannelReport): void {
  const named = rejected.find(
    (one) => source !== undefined && one.source === formatEndpoint(source.endpoint) && one.fault === 'loop',
  );
  const isHopeless =
    healthy.length === 0 &&
    rejected.length > 0 &&
    rejected.every(({ fault }) => fault === 'loop' || fault === 'gap');
  const shown = named === undefined ? (isHopeless ? rejected : []) : [named];
  if (shown.length === 0) return;
  const why = shown.map((one) => `${one.source}: ${one.why}`).join('; ');
  throw new DcmhaError('USAGE', `group ${group} cannot receive from there, nothing was changed: ${why}`, {
    details: { group, fault: shown[0]?.fault },
  });
}

/** `remove` of one channel. */
export async function removeChannel(
  { group, region, json }: Pick<ChannelWish, 'group' | 'region' | 'json'>,
  { store }: Looking,
): Promise<void> {
  await readMemberIds(store, group);
  const before = await readLink(store, group, region);
  if (before === undefined || !(await removeLink(store, group, region))) {
    const known = await listLinks(store, group);
    const which = known.length === 0 ? 'it has none' : `it has: ${known.join(', ')}`;
    throw new DcmhaError('NOT_FOUND', `group ${group} has no channel from region ${region} (${which})`, {
      details: { group, region },
    });
  }
  print(json, { group, region, removed: before }, () =>
    [
      `the coordinators take the channel ${regionalChannel(region)} away; nothing that was received is lost`,
      `back: ${undoOf(group, region, before)}`,
    ].join('\n'),
  );
}

/** The command that makes it as it was. */
function undoOf(group: string, region: string, before: RegionalLink | undefined): string {
  const names = `--group ${group} --region ${region}`;
  if (before === undefined) return `dcmha addition remove ${names}`;
  const { source, only, ignore } = before;
  const host =
    source === undefined ? '' : ` --host ${formatEndpoint(source.endpoint)}${source.ssl ? ' --ssl' : ''}`;
  return `dcmha addition replmeta ${names}${host} --only '${only.join(',')}' --ignore '${ignore.join(',')}'`;
}
