import { whyIncredible } from '../decide/router-word.ts';
import { callPeer, type Result } from '../peer/api.ts';
import { routerApi } from '../peer/router-api.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import { hasCode, toDcmhaError } from '../model/errors.ts';
import type { Route } from '../model/group.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { clearAlert, raiseAlert } from '../store/alerts.ts';
import { markLostReplica } from '../store/marks.ts';
import { readRoute, readRouteAcks, replaceRoute, type PublishedRoute } from '../store/routes.ts';
import { memberOf, type PerformContext } from './context.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

const pollMs = 50;

/** Publishes the route without a write server. Nobody waits for the routers here, who watch it: the evidence of the fence decides. */
export async function closeRoute(context: PerformContext): Promise<Outcome> {
  const before = await readRoute(context.coordination, context.group);
  if (before === undefined) return { kind: 'done', detail: 'no route was published' };
  await changeRoute(context, (route) => ({ ...route, write: undefined }), before);
  return { kind: 'done' };
}

/** Clients that are held go first: what comes after this would take the servers' time. A router that does not answer is not waited for. */
const releaseMs = 100;

/** `isHeld`: returns once the routers have let their clients go on, or soon. */
export async function publishNewRoute(
  step: Of<'publish-route'>,
  context: PerformContext,
  isHeld = false,
): Promise<Outcome> {
  const { release } = step;
  const orSoon = (answered: Promise<void>) =>
    Promise.race([answered, context.clock.pause(releaseMs, context.signal)]);
  if (release !== undefined) await orSoon(pushRouters(context, { release }));
  const { write, read } = routeOf(step.write, step.read, context);
  const before = await readRoute(context.coordination, context.group);
  await markUnread(context, [write, ...read], before?.route.read ?? []);
  await changeRoute(context, () => ({ write, read }), before);
  const answered = pushRouters(context);
  if (isHeld && release === undefined) await orSoon(answered);
  return { kind: 'done', detail: `write ${formatEndpoint(write)}, ${read.length} readers` };
}

/**
 * Leads the routers to a server that is read-only yet, while their clients are held. Resolves to the version of that route; undefined when clients are
 * not held, or that could not be done: then the route that comes after it is soon enough. Never rejects; safe to repeat, also while it is going on.
 */
export async function publishAhead(
  to: { readonly write: string; readonly read: readonly string[] },
  context: PerformContext,
): Promise<number | undefined> {
  try {
    const { write, read } = routeOf(to.write, to.read, context);
    const before = await readRoute(context.coordination, context.group);
    if (before?.route.holdMs === undefined) return undefined;
    if (sameEndpoint(before.route.write, write)) return before.version;
    await markUnread(context, [write, ...read], before.route.read);
    const version = await changeRoute(
      context,
      (route) => (route.holdMs === undefined ? route : { write, read, holdMs: route.holdMs }),
      before,
    );
    void pushRouters(context);
    return version;
  } catch (thrown) {
    const error = toDcmhaError(thrown);
    context.log.warn('the route could not be published ahead', { code: error.code, error: error.message });
    return undefined;
  }
}

function routeOf(
  write: string,
  read: readonly string[],
  context: PerformContext,
): { readonly write: Endpoint; readonly read: readonly Endpoint[] } {
  const endpointOf = (id: string): Endpoint => memberOf(context, id).endpoint;
  return { write: endpointOf(write), read: read.map(endpointOf) };
}

/** Who was read from and is no more, for it was no candidate: the mark is what brings it back once it replicates. */
async function markUnread(
  context: PerformContext,
  routed: readonly Endpoint[],
  before: readonly Endpoint[],
): Promise<void> {
  const unread = context.members.filter(
    ({ endpoint }) =>
      before.some((one) => sameEndpoint(one, endpoint)) && !routed.some((one) => sameEndpoint(one, endpoint)),
  );
  const why = 'it did not answer at the failover';
  for (const { id } of unread)
    await markLostReplica(context.coordination, id, { group: context.group, why, at: context.clock.now() });
}

/**
 * Waits until every router says that it has the route in force and no old session is left. One that does not is named in the outcome
 * and in an alert; the failover is over all the same.
 */
export async function confirmRoute(context: PerformContext): Promise<Outcome> {
  const deadline = context.clock.monotonic() + context.limits.confirmMs;
  for (;;) {
    const { confirmed, missing } = await confirmations(context);
    if (missing.length === 0 || context.clock.monotonic() >= deadline) {
      await tellOfMissing(context, missing);
      return { kind: 'confirmed', routers: confirmed, missing };
    }
    await context.clock.pause(pollMs, context.signal);
    context.signal.throwIfAborted();
  }
}

/** Which routers have the published route in force without an old session, and which do not. */
export async function confirmations(
  context: Pick<PerformContext, 'coordination' | 'group' | 'routers'>,
): Promise<{ confirmed: string[]; missing: string[] }> {
  const acks = await readRouteAcks(context.coordination, context.group);
  const published = await readRoute(context.coordination, context.group);
  const confirmed = acks
    .filter((ack) => whyIncredible(ack, published) === undefined)
    .filter(({ version, oldSessions }) => version >= (published?.version ?? 0) && oldSessions === 0)
    .map(({ router }) => router);
  const missing = context.routers.map(formatEndpoint).filter((router) => !confirmed.includes(router));
  return { confirmed, missing };
}

/** The standing alert of routers that lag behind: the first program's name. */
export const pushAlertName = (group: string): string => `${group}_send`;

async function tellOfMissing(context: PerformContext, missing: readonly string[]): Promise<void> {
  const subject = { group: context.group };
  const name = pushAlertName(context.group);
  if (missing.length === 0) {
    await clearAlert(context.coordination, name);
    context.alerts.end('push-failed', subject, 'every router has the route');
    return;
  }
  const text = `routers without the new route: ${missing.join(', ')}; they get it by themselves when they are back`;
  const alert = {
    kind: 'push-failed',
    group: context.group,
    message: text,
    at: context.clock.now(),
    by: context.by,
  };
  await raiseAlert(context.coordination, name, alert);
  context.alerts.raise('push-failed', subject, text, { routers: missing.join(',') });
}

/**
 * Changes the published route under its version and returns the new one; a change by somebody else is read and applied to. `known`: the route as the caller has
 * just read it.
 */
export async function changeRoute(
  context: Pick<PerformContext, 'coordination' | 'group'>,
  change: (route: Route) => Route,
  known?: PublishedRoute,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const found = attempt === 0 ? known : undefined;
    const before = found ?? (await readRoute(context.coordination, context.group));
    const route = change(before?.route ?? { write: undefined, read: [] });
    try {
      return await replaceRoute(context.coordination, context.group, route, before);
    } catch (error) {
      if (attempt >= 5 || !hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_EXISTS')) throw error;
    }
  }
}

/** What telling the routers of one group needs. */
export interface RouterPush extends Pick<PerformContext, 'peers' | 'log' | 'group' | 'routers'> {
  readonly limits: Pick<PerformContext['limits'], 'peerTimeoutMs'>;
}

/**
 * Tells the routers to look now. An accelerator: their watch is the truth, so nobody has to wait and a failure is only logged. Never rejects.
 * `heard`: is told what each answers, as soon as it does. `release`: of this version of the route clients go on.
 */
export async function pushRouters(
  { peers, log, group, routers, limits }: RouterPush,
  {
    heard = () => undefined,
    release,
  }: {
    readonly heard?: (router: Endpoint, said: Result<typeof routerApi, 'push'>) => void;
    readonly release?: number;
  } = {},
): Promise<void> {
  const params = { group, ...(release === undefined ? {} : { release }) };
  const push = async (router: Endpoint): Promise<void> => {
    try {
      const request = { method: 'push', params, timeoutMs: limits.peerTimeoutMs } as const;
      heard(router, await callPeer(peers, routerApi, router, request));
    } catch (error) {
      log.debug('push not answered', { router: formatEndpoint(router), error: toDcmhaError(error).message });
    }
  };
  await Promise.all(routers.map(push));
}
