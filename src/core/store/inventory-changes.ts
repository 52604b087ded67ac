import type { Coordination } from '../../ports/coordination.ts';
import { formatEndpoint, hostId, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import { DcmhaError, hasCode } from '../model/errors.ts';
import type { PromoteRule } from '../model/promote.ts';
import { decodeList, encodeShared } from './codecs.ts';
import { formatEndpoints, hostRecord, noGroup, readHost, readRouters, type HostRecord } from './inventory.ts';
import { createIfAbsent, put } from './put.ts';
import { znodes } from './znodes.ts';

/** What may be said of a server when it is added. */
export interface MemberOptions {
  readonly dc?: string | undefined;
  readonly priority?: number | undefined;
  readonly promote?: PromoteRule | undefined;
  /** Control port of its agent, when it is not the configured one. */
  readonly agentPort?: number | undefined;
  readonly weight?: number | undefined;
  /** Id of the member to replicate from; '': the primary again. */
  readonly from?: string | undefined;
}

const GROUP_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Such names would meet those of manual tasks and of alerts. */
const RESERVED_NAME = /^task\d*$|_(?:send|region)$/;

/** Throws `USAGE` when a new group may not have this name. */
export function checkGroupName(group: string): void {
  if (GROUP_NAME.test(group) && !RESERVED_NAME.test(group)) return;
  throw new DcmhaError(
    'USAGE',
    `${JSON.stringify(group)} cannot name a group: up to 64 letters, digits, '_', '.', '-', beginning with a letter or digit, ` +
      'not task..., not ending in _send or _region',
    { details: { group } },
  );
}

/**
 * Makes a group of these servers. Repeating it with the same servers changes nothing. Throws `USAGE` when the group has other
 * members already, when a host is in another group, or is named twice.
 */
export async function addGroup(
  store: Coordination,
  group: string,
  endpoints: readonly Endpoint[],
): Promise<void> {
  checkGroupName(group);
  if (endpoints.length === 0) throw new DcmhaError('USAGE', `group ${group} needs at least one server`);
  const ids = endpoints.map(({ host }) => hostId(host));
  if (new Set(ids).size < ids.length) {
    throw new DcmhaError('USAGE', `a host is named twice: ${formatEndpoints(endpoints)}`, {
      details: { group },
    });
  }
  const node = await store.read(znodes.group(group));
  const present = node === undefined ? [] : decodeList(znodes.group(group), node.data);
  if (present.length > 0 && [...present].sort().join() !== [...ids].sort().join()) {
    throw new DcmhaError('USAGE', `group ${group} exists with members ${present.join(',')}: use addmeta`, {
      details: { group },
    });
  }
  for (const endpoint of endpoints) await checkHost(store, group, endpoint);
  for (const endpoint of endpoints) await writeHost(store, group, endpoint, {});
  if (present.length === 0) await changeList(store, znodes.group(group), () => ids);
}

/**
 * Adds a server to a group that exists, or changes what is said of it. Throws `NOT_FOUND` for an unknown group, `USAGE` when the
 * host is in another group, or what is said of it cannot be.
 */
export async function addMember(
  store: Coordination,
  group: string,
  endpoint: Endpoint,
  options: MemberOptions = {},
): Promise<void> {
  if ((await store.read(znodes.group(group))) === undefined) throw await noGroup(store, group);
  await checkHost(store, group, endpoint);
  if (options.from !== undefined && options.from !== '')
    await checkFrom(store, group, hostId(endpoint.host), options.from);
  await writeHost(store, group, endpoint, options);
  await changeList(store, znodes.group(group), (ids) => [...new Set([...ids, hostId(endpoint.host)])]);
}

/** False when it was no member. The recorded primary cannot be removed: `USAGE`. */
export async function removeMember(store: Coordination, group: string, id: string): Promise<boolean> {
  const primary = await store.read(znodes.master(group));
  if (primary?.data.toString('utf8').trim() === id) {
    throw new DcmhaError('USAGE', `${id} is the primary of ${group}: switch over first`, {
      details: { group, id },
    });
  }
  const record = await readHost(store, id);
  if (record?.group !== group) return false;
  await changeList(store, znodes.group(group), (ids) => ids.filter((one) => one !== id));
  await store.remove(znodes.host(id));
  await store.remove(znodes.hostWhite(id));
  // Whoever adds it again vouches for its data.
  await store.remove(znodes.burnt(id));
  return true;
}

/** Adds routers (their control endpoints) to a group that exists. Throws `NOT_FOUND`. */
export async function addRouters(
  store: Coordination,
  group: string,
  routers: readonly Endpoint[],
): Promise<void> {
  if ((await store.read(znodes.group(group))) === undefined) throw await noGroup(store, group);
  await changeList(store, znodes.routers(group), (known) => [
    ...new Set([...known, ...routers.map(formatEndpoint)]),
  ]);
}

/** False when it was none of the group's routers. */
export async function removeRouter(store: Coordination, group: string, router: Endpoint): Promise<boolean> {
  const known = await readRouters(store, group);
  if (!known.some((one) => sameEndpoint(one, router))) return false;
  await changeList(store, znodes.routers(group), (list) =>
    list.filter((one) => one !== formatEndpoint(router)),
  );
  return true;
}

async function checkHost(store: Coordination, group: string, { host }: Endpoint): Promise<void> {
  const record = await readHost(store, hostId(host));
  if (record === undefined || record.group === group) return;
  throw new DcmhaError('USAGE', `${host} is in group ${record.group} already: remove it there first`, {
    details: { host, group: record.group },
  });
}

/** Throws `USAGE` when it is in another group, or replicates from this one itself, however far. */
async function checkFrom(store: Coordination, group: string, id: string, from: string): Promise<void> {
  const chain = [id];
  for (let above: string | undefined = from; above !== undefined && above !== '';) {
    chain.push(above);
    if (chain.indexOf(above) < chain.length - 1)
      throw new DcmhaError('USAGE', `they would replicate in a circle: ${chain.join(' from ')}`, {
        details: { group, id, from },
      });
    const record: HostRecord | undefined = await readHost(store, above);
    if (record?.group !== group)
      throw new DcmhaError('USAGE', `${above} is no member of group ${group}`, { details: { group, from } });
    above = record.from;
  }
}

async function writeHost(
  store: Coordination,
  group: string,
  { host, port }: Endpoint,
  { dc, priority, promote, agentPort, weight, from }: MemberOptions,
): Promise<void> {
  const id = hostId(host);
  const said = { dc, priority, promote, agent: agentPort, weight, from };
  const known = await readHost(store, id);
  const record: HostRecord = {
    ...known,
    group,
    port,
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
  };
  const wrong = hostRecord.safeParse(record).error?.issues[0];
  // Written all the same, it would make its whole group unreadable to the coordinators, and to this command.
  if (wrong !== undefined)
    throw new DcmhaError('USAGE', `${wrong.path.join('.')} of ${host}: ${wrong.message}`, {
      details: { group, host },
    });
  await put(store, znodes.host(id), encodeShared(record));
}

/** Changes a list node under its version, so that two operators do not undo each other. */
async function changeList(
  store: Coordination,
  path: string,
  change: (list: readonly string[]) => readonly string[],
): Promise<void> {
  for (;;) {
    const node = await store.read(path);
    if (node === undefined) {
      if (await createIfAbsent(store, path, change([]).join(','))) return;
      continue;
    }
    try {
      await store.write(path, change(decodeList(path, node.data)).join(','), node.version);
      return;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
    }
  }
}
