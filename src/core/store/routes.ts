import { z } from 'zod';
import type { Coordination, Presence } from '../../ports/coordination.ts';
import { formatEndpoint } from '../model/endpoint.ts';
import type { Route, RouteAck } from '../model/group.ts';
import { decodeRecord, encodeOwn, encodeShared } from './codecs.ts';
import { endpointIn } from './inventory.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** The route as published, with the version that routers acknowledge. */
export interface PublishedRoute {
  readonly route: Route;
  readonly version: number;
}

const routeRecord = z.object({
  read: z.array(z.string()),
  write: z.string(),
  hold: z.number().int().positive().optional(),
});

const ackRecord = z.object({
  version: z.number().int(),
  write: z.string(),
  oldSessions: z.number().int().min(0),
  held: z.boolean().optional(),
  leaseMs: z.number().min(0),
  distrust: z.string().optional(),
});

/** `haproxy/G`; undefined before the first publication. */
export async function readRoute(store: Coordination, group: string): Promise<PublishedRoute | undefined> {
  const path = znodes.route(group);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  const { read, write, hold } = decodeRecord(routeRecord, path, node.data);
  return {
    route: {
      write: write === '' ? undefined : endpointIn(path, write),
      read: read.map((text) => endpointIn(path, text)),
      ...(hold === undefined ? {} : { holdMs: hold }),
    },
    version: node.version,
  };
}

/**
 * Publishes a route and returns its version; an equal one is left as it is. With `expectedVersion` it throws `ZNODE_CONFLICT` when
 * another was published meanwhile.
 */
export async function publishRoute(
  store: Coordination,
  group: string,
  route: Route,
  expectedVersion?: number,
): Promise<number> {
  const path = znodes.route(group);
  const data = encodeRoute(route);
  const node = await store.read(path);
  if (node?.data.toString('utf8') === data) return node.version;
  if (node !== undefined) return store.write(path, data, expectedVersion);
  return put(store, path, data);
}

/** The same for somebody who has just read `before`: it is not read again. */
export async function replaceRoute(
  store: Coordination,
  group: string,
  route: Route,
  before: PublishedRoute | undefined,
): Promise<number> {
  if (before === undefined) return publishRoute(store, group, route);
  const data = encodeRoute(route);
  if (data === encodeRoute(before.route)) return before.version;
  return store.write(znodes.route(group), data, before.version);
}

/** The text of `haproxy/G`. */
function encodeRoute({ read, write, holdMs }: Route): string {
  return encodeShared({
    read: read.map(formatEndpoint),
    write: write === undefined ? '' : formatEndpoint(write),
    ...(holdMs === undefined ? {} : { hold: holdMs }),
  });
}

/** What the routers that are alive say they have in force. */
export async function readRouteAcks(store: Coordination, group: string): Promise<readonly RouteAck[]> {
  const routers = await store.children(znodes.routeAcks(group));
  const acks = await Promise.all(routers.map((router) => readRouteAck(store, group, router)));
  return acks.filter((ack) => ack !== undefined);
}

/** Keeps the acknowledgement of a router; `update(encodeRouteAck(ack))` tells a new one. */
export function presentRouteAck(store: Coordination, group: string, ack: RouteAck): Presence {
  return store.present(znodes.routeAck(group, ack.router), encodeRouteAck(ack));
}

/** The text of `route-ack/G/R`; the router's name is in the path. */
export function encodeRouteAck(ack: RouteAck): string {
  const { version, write, oldSessions, leaseMs, held, distrust } = ack;
  return encodeOwn({ version, write, oldSessions, leaseMs, held, distrust });
}

async function readRouteAck(
  store: Coordination,
  group: string,
  router: string,
): Promise<RouteAck | undefined> {
  const path = znodes.routeAck(group, router);
  const node = await store.read(path);
  return node && { router, ...decodeRecord(ackRecord, path, node.data) };
}
