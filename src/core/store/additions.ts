import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hostId, hostOfId } from '../model/endpoint.ts';
import { hasCode } from '../model/errors.ts';
import type { RegionalLink, RegionalSource } from '../regional/link.ts';
import { decodeRecord, decodeText, encodeShared } from './codecs.ts';
import { portSchema } from './inventory.ts';
import { createWithParents, put } from './put.ts';
import { znodes } from './znodes.ts';

/** As the first program wrote it: True, 1 or '1'; None for no. */
const flag = z
  .union([z.boolean(), z.number(), z.string(), z.null()])
  .transform((value) => value === true || value === 1 || value === '1' || value === 'True')
  .default(false);

/** The first program spelled the key `prot` in places. */
function withPort(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || 'port' in value) return value;
  return 'prot' in value ? { ...value, port: value.prot } : value;
}

const regionRecord = z.record(
  z.string(),
  z.preprocess(withPort, z.looseObject({ port: portSchema, ssl: flag })),
);

const patterns = z.array(z.string()).default([]);
const linkRecord = z
  .preprocess(
    withPort,
    z.looseObject({
      host: z.string().min(1).optional(),
      port: portSchema.optional(),
      ssl: flag,
      only: patterns,
      ignore: patterns,
      uuids: patterns,
      accepted: z.string().default(''),
    }),
  )
  .nullable();

/** What the first program wrote for a channel without a source. */
const NONE = 'None';

/** Regions that a group has a channel to, sorted. */
export async function listLinks(store: Coordination, group: string): Promise<readonly string[]> {
  return store.children(znodes.additions(group));
}

/** All channels of a group that are wanted. Throws `ZNODE_MALFORMED` naming the path. */
export async function readLinks(store: Coordination, group: string): Promise<readonly RegionalLink[]> {
  const regions = await listLinks(store, group);
  const links = await Promise.all(regions.map((region) => readLink(store, group, region)));
  return links.filter((link) => link !== undefined);
}

/** undefined when the group has no channel to that region. */
export async function readLink(
  store: Coordination,
  group: string,
  region: string,
): Promise<RegionalLink | undefined> {
  const path = znodes.addition(group, region);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  const record = decodeText(path, node.data) === '' ? null : decodeRecord(linkRecord, path, node.data);
  const { host, port, ssl = false, only = [], ignore = [], uuids = [], accepted = '' } = record ?? {};
  const source =
    host === undefined || port === undefined ? undefined : { endpoint: { host: hostOfId(host), port }, ssl };
  return { group, region, source, only, ignore, uuids, accepted, version: node.version };
}

/**
 * Writes a channel that is new (`version` undefined), or changes one that still is as it was read; returns its new version. Throws `ZNODE_EXISTS`,
 * `ZNODE_CONFLICT`, `ZNODE_MISSING` when somebody else was faster.
 */
export async function writeLink(
  store: Coordination,
  link: Omit<RegionalLink, 'version'> & { readonly version?: number | undefined },
): Promise<number> {
  const path = znodes.addition(link.group, link.region);
  const data = encodeLink(link);
  if (link.version !== undefined) return store.write(path, data, link.version);
  await createWithParents(store, path, data);
  return 0;
}

function encodeLink({ source, only, ignore, uuids, accepted }: Omit<RegionalLink, 'version'>): string {
  const record = {
    ...(source === undefined
      ? {}
      : { host: source.endpoint.host, port: source.endpoint.port, ssl: source.ssl ? 1 : 0 }),
    ...(only.length === 0 ? {} : { only }),
    ...(ignore.length === 0 ? {} : { ignore }),
    ...(uuids.length === 0 ? {} : { uuids }),
    ...(accepted === '' ? {} : { accepted }),
  };
  return Object.keys(record).length === 0 ? NONE : encodeShared(record);
}

/** False when there was none. The coordinators take the channel away. */
export async function removeLink(store: Coordination, group: string, region: string): Promise<boolean> {
  return store.remove(znodes.addition(group, region));
}

/** Names of all regions whose servers are known, sorted. */
export async function listRegions(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.regions);
}

/** The servers of a region; undefined when the region is not known. Throws `ZNODE_MALFORMED`. */
export async function readRegion(
  store: Coordination,
  region: string,
): Promise<readonly RegionalSource[] | undefined> {
  const path = znodes.region(region);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  if (decodeText(path, node.data) === '') return [];
  return sourcesOf(decodeRecord(regionRecord, path, node.data));
}

/** The servers in a text of the same form, as an operator gives it. Throws `ZNODE_MALFORMED` naming `what`. */
export function parseRegion(what: string, text: string): readonly RegionalSource[] {
  return sourcesOf(decodeRecord(regionRecord, what, Buffer.from(text)));
}

function sourcesOf(record: z.infer<typeof regionRecord>): readonly RegionalSource[] {
  return Object.entries(record).map(([id, { port, ssl }]) => ({
    endpoint: { host: hostOfId(id), port },
    ssl,
  }));
}

/** Replaces the servers of a region. */
export async function writeRegion(
  store: Coordination,
  region: string,
  sources: readonly RegionalSource[],
): Promise<void> {
  const entries = sources.map(({ endpoint: { host, port }, ssl }) => [
    hostId(host),
    { port, ssl: ssl ? 1 : 0 },
  ]);
  await put(store, znodes.region(region), encodeShared(Object.fromEntries(entries) as object));
}

/** False when it was not known. */
export async function removeRegion(store: Coordination, region: string): Promise<boolean> {
  return store.remove(znodes.region(region));
}

/** Every channel of every group that receives from a region. */
export async function linksToRegion(store: Coordination, region: string): Promise<readonly RegionalLink[]> {
  const groups = await store.children(znodes.linkedGroups);
  const links = await Promise.all(groups.map((group) => readLinkOrNone(store, group, region)));
  return links.filter((link) => link !== undefined);
}

async function readLinkOrNone(
  store: Coordination,
  group: string,
  region: string,
): Promise<RegionalLink | undefined> {
  try {
    return await readLink(store, group, region);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    const nothing = { only: [], ignore: [], uuids: [], accepted: '' };
    return { group, region, source: undefined, ...nothing, version: -1 };
  }
}
