import { formatEndpoint, parseEndpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../core/model/errors.ts';
import { checkRegionName } from '../../core/regional/channel.ts';
import { formatSourceTls, type RegionalSource } from '../../core/regional/link.ts';
import {
  linksToRegion,
  listRegions,
  parseRegion,
  readRegion,
  removeRegion,
  writeRegion,
} from '../../core/store/additions.ts';
import { print } from '../output.ts';
import type { Looking } from './survey.ts';

interface RegionWish {
  readonly region: string;
  readonly json: boolean;
}

/** `regionmeta`: which servers a region has; only metadata. */
export async function wishRegion(
  { region, hosts, json }: RegionWish & { readonly hosts: string },
  { store }: Looking,
): Promise<void> {
  checkRegionName(region, await listRegions(store));
  const sources = parseHosts(hosts);
  const before = await readRegion(store, region);
  await writeRegion(store, region, sources);
  const was = before === undefined ? 'it was not known' : `it had: ${listed(before)}`;
  print(json, { region, servers: sources, before: before ?? [] }, () =>
    [`region ${region} has: ${listed(sources)}`, was].join('\n'),
  );
}

const LIST = /^[^{]/;

/** The first program's form, or `host:port,host:port`. Throws `USAGE`. */
function parseHosts(text: string): readonly RegionalSource[] {
  if (LIST.test(text.trim()))
    return text.split(',').map((part) => ({ endpoint: parseEndpoint(part, '--hosts'), ssl: false }));
  try {
    const sources = parseRegion('--hosts', text);
    if (sources.length > 0) return sources;
  } catch (cause) {
    if (!hasCode(cause, 'ZNODE_MALFORMED')) throw cause;
    throw new DcmhaError(
      'USAGE',
      `--hosts is not of the form '{"10.1.0.1": {"port": 3306, "ssl": 1}}', nor HOST:PORT,HOST:PORT: ${cause.message.replace(/^the znode --hosts is malformed: /, '')}`,
      { cause },
    );
  }
  throw new DcmhaError(
    'USAGE',
    '--hosts names no server: dcmha addition remove --region takes a region away',
  );
}

/** `remove` of a region that no channel needs. */
export async function forgetRegion({ region, json }: RegionWish, { store }: Looking): Promise<void> {
  const links = await linksToRegion(store, region);
  if (links.length > 0) {
    const groups = links.map(({ group }) => group).join(', ');
    throw new DcmhaError(
      'USAGE',
      `groups receive from region ${region}: ${groups}. First: dcmha addition remove --group G --region ${region}`,
      { details: { region, groups } },
    );
  }
  const before = await readRegion(store, region);
  if (before === undefined || !(await removeRegion(store, region))) {
    const known = (await listRegions(store)).join(', ');
    throw new DcmhaError('NOT_FOUND', `there is no region ${region} (${known === '' ? 'none yet' : known})`);
  }
  print(json, { region, removed: before }, () => `region ${region} is forgotten; it had: ${listed(before)}`);
}

export function listed(sources: readonly RegionalSource[]): string {
  if (sources.length === 0) return 'no servers';
  return sources.map((source) => `${formatEndpoint(source.endpoint)}${formatSourceTls(source)}`).join(', ');
}
