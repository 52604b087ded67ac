import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { formatEndpoint, hostOfId, parseEndpoint, type Endpoint } from '../model/endpoint.ts';
import { DcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import { promoteSchema } from '../model/promote.ts';
import { decodeList, decodeRecord, malformed } from './codecs.ts';
import { znodes } from './znodes.ts';

/** Where an agent listens when `meta/host/H` does not say. */
export interface InventoryDefaults {
  readonly agentPort: number;
}

const DEFAULT_PRIORITY = 100;

/** A port as a number, or as the text that the first program wrote. */
export const portSchema = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number),
  ])
  .pipe(z.number().int().min(1).max(65535));

/** What `meta/host/H` holds; keys of others are kept. */
export const hostRecord = z.looseObject({
  group: z.string().min(1),
  port: portSchema,
  dc: z.string().optional(),
  priority: z.number().optional(),
  promote: promoteSchema.optional(),
  /** The agent's control port, or `host:port` when it listens elsewhere. */
  agent: z.union([portSchema, z.string()]).optional(),
  weight: z.number().int().min(0).max(256).optional(),
  /** Id of the member to replicate from. */
  from: z.string().optional(),
});
export type HostRecord = z.infer<typeof hostRecord>;

/** Names of all groups, sorted. */
export async function listGroups(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.groups);
}

/** Ids of a group's members, in the order they were added. Throws `NOT_FOUND` when there is no such group. */
export async function readMemberIds(store: Coordination, group: string): Promise<readonly string[]> {
  const node = await store.read(znodes.group(group));
  if (node === undefined) throw await noGroup(store, group);
  return decodeList(znodes.group(group), node.data);
}

/** A group's members. Throws `NOT_FOUND`, `ZNODE_MALFORMED`. */
export async function readMembers(
  store: Coordination,
  group: string,
  defaults: InventoryDefaults,
): Promise<readonly Member[]> {
  const ids = await readMemberIds(store, group);
  return Promise.all(
    ids.map(async (id) => {
      const member = await readMember(store, id, defaults);
      if (member !== undefined) return member;
      throw malformed(znodes.group(group), `it names ${id}, of which there is no ${znodes.host(id)}`);
    }),
  );
}

/** One server by its host's id; undefined when it is in no group. */
export async function readMember(
  store: Coordination,
  id: string,
  defaults: InventoryDefaults,
): Promise<Member | undefined> {
  const record = await readHost(store, id);
  if (record === undefined) return undefined;
  const host = hostOfId(id);
  return {
    id,
    group: record.group,
    endpoint: { host, port: record.port },
    priority: record.priority ?? DEFAULT_PRIORITY,
    promote: record.promote ?? 'yes',
    agent: agentOf(id, host, record.agent, defaults),
    ...(record.dc === undefined ? {} : { dc: record.dc }),
    ...(record.weight === undefined ? {} : { weight: record.weight }),
    ...(record.from === undefined || record.from === '' ? {} : { from: record.from }),
  };
}

/** `meta/host/H` as it stands. */
export async function readHost(store: Coordination, id: string): Promise<HostRecord | undefined> {
  const node = await store.read(znodes.host(id));
  return node && decodeRecord(hostRecord, znodes.host(id), node.data);
}

/** Ids of all hosts of all groups. */
export async function listHosts(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.hosts);
}

/** Control endpoints of the routers that serve a group; [] when none was added. */
export async function readRouters(store: Coordination, group: string): Promise<readonly Endpoint[]> {
  const path = znodes.routers(group);
  const node = await store.read(path);
  if (node === undefined) return [];
  return decodeList(path, node.data).map((text) => endpointIn(path, text));
}

/** The `NOT_FOUND` of an unknown group: it tells which there are. */
export async function noGroup(store: Coordination, group: string): Promise<DcmhaError> {
  const groups = await listGroups(store);
  const known = groups.length === 0 ? 'there are none yet' : `known: ${groups.slice(0, 20).join(', ')}`;
  return new DcmhaError('NOT_FOUND', `there is no group ${JSON.stringify(group)} (${known})`, {
    details: { group },
  });
}

/** An address inside a znode. Throws `ZNODE_MALFORMED` naming the path. */
export function endpointIn(path: string, text: string): Endpoint {
  try {
    return parseEndpoint(text);
  } catch (cause) {
    throw malformed(path, `${JSON.stringify(text)} is not HOST:PORT`, cause);
  }
}

function agentOf(
  id: string,
  host: string,
  agent: HostRecord['agent'],
  { agentPort }: InventoryDefaults,
): Endpoint {
  if (typeof agent === 'string') return endpointIn(znodes.host(id), agent);
  return { host, port: agent ?? agentPort };
}

/** As it is written into `meta/router/G`. */
export function formatEndpoints(endpoints: readonly Endpoint[]): string {
  return endpoints.map(formatEndpoint).join(',');
}
