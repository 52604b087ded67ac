import { Distrust } from '../../core/peer/distrust.ts';
import { handlePeer } from '../../core/peer/api.ts';
import { routerApi } from '../../core/peer/router-api.ts';
import type { PlacementPolicy } from '../../core/decide/read-placement.ts';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { PeerCaller, PeerHandler, PeerListener } from '../../ports/peers.ts';
import type { LeasePort, Proxy } from '../../ports/proxy.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { runLoops, type Loop } from '../daemon.ts';
import { RouteWorker, type RouteWorkerOptions } from './route-worker.ts';

export interface RouterDeps {
  readonly coordination: Coordination;
  /** The HAProxy of a group on this host. Throws when its configuration makes none possible. */
  readonly proxyOf: (group: string) => Proxy;
  readonly leasePort: LeasePort;
  readonly listener: PeerListener;
  readonly caller: PeerCaller;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RouterOptions {
  /** Where the control port listens, as in `meta/router/G`: it names the router. */
  readonly control: Endpoint;
  readonly groups: readonly string[];
  /** Loopback port that HAProxy checks. */
  readonly leasePort: number;
  /** How long HAProxy's check of that port may take to close the write side, ms. */
  readonly closesWithinMs?: number | undefined;
  /** The control port of agents whose metadata do not say one. */
  readonly defaultAgentPort: number;
  /** How reads are spread. */
  readonly reads: PlacementPolicy;
  /** Deadline for old sessions to end. Default 5 s. */
  readonly applyTimeoutMs?: number | undefined;
  /** How often file and process are compared with the route. Default 30 s. */
  readonly recheckMs?: number | undefined;
  /** End HAProxy with the router; else it goes on, for the next router to adopt. */
  readonly stopHaproxy?: boolean | undefined;
}

const usualApplyTimeoutMs = 5000;
const usualRecheckMs = 30_000;

/**
 * The router of one host (`dcmha route`): for each group it keeps HAProxy on the published route, holds the lease of the write side,
 * and acknowledges. Returns when `signal` aborts. Throws when the control port or the lease port cannot be had.
 *
 * A router that left HAProxy running should end its process without closing its ZooKeeper session: the acknowledgement must stand
 * until HAProxy has noticed.
 */
export async function runRouter(
  deps: RouterDeps,
  options: RouterOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps;
  const router = formatEndpoint(options.control);
  const workers = new Map<string, RouteWorker>();
  const open: AsyncDisposable[] = [];
  const distrust = new Distrust(() => clock.monotonic());
  const turnedAway = (what: string, from?: string): void => {
    if (!distrust.note(what, from)) return;
    log.error('turned away', { what, from });
    for (const worker of workers.values()) worker.tell();
  };
  try {
    open.push(await deps.listener.listen(options.control, routerHandler(router, workers), turnedAway));
    const isOpen = (group: string) => workers.get(group)?.isOpen() ?? false;
    open.push(await deps.leasePort.listen(options.leasePort, isOpen));
    for (const group of new Set(options.groups))
      addWorker(deps, { ...options, router, group, distrust: () => distrust.text }, workers);
    if (workers.size === 0)
      throw new DcmhaError('CONFIG_INVALID', `router ${router} has no group that it can serve`);
    log.info('router started', { router, groups: [...workers.keys()].join(',') });
    await runLoops([...workers].flatMap(loopsOf), { signal, clock, log });
  } finally {
    const stop = options.stopHaproxy ?? false;
    await Promise.all([...workers.values()].map((worker) => worker.close({ stop })));
    for (const one of open.reverse()) await one[Symbol.asyncDispose]();
  }
  log.info('router ended', { router });
}

function loopsOf([group, worker]: readonly [string, RouteWorker]): readonly Loop[] {
  return [
    { name: `lease of ${group}`, run: (stop) => worker.keepLease(stop), onFailure: 'restart' },
    { name: `route of ${group}`, run: (stop) => worker.follow(stop), onFailure: 'restart' },
  ];
}

/** A group that cannot be served does not keep the others from it. */
function addWorker(
  deps: RouterDeps,
  options: RouterOptions & Pick<RouteWorkerOptions, 'router' | 'group' | 'distrust'>,
  workers: Map<string, RouteWorker>,
): void {
  const { group, router, defaultAgentPort } = options;
  const log = deps.log.with({ group });
  try {
    const worker = new RouteWorker(
      { ...deps, log, reads: options.reads, agentPort: defaultAgentPort },
      deps.proxyOf(group),
      {
        group,
        router,
        distrust: options.distrust,
        applyTimeoutMs: options.applyTimeoutMs ?? usualApplyTimeoutMs,
        recheckMs: options.recheckMs ?? usualRecheckMs,
        closesWithinMs: options.closesWithinMs ?? 0,
      },
    );
    workers.set(group, worker);
  } catch (thrown) {
    const { code, message, details } = toDcmhaError(thrown);
    log.error('group is not served', { code, error: message, ...details });
  }
}

function routerHandler(router: string, workers: ReadonlyMap<string, RouteWorker>): PeerHandler {
  return handlePeer(routerApi, {
    push: async ({ group, release }) => {
      const worker = workers.get(group);
      if (worker === undefined) {
        throw new DcmhaError(
          'NOT_FOUND',
          `router ${router} does not serve the group ${JSON.stringify(group)}`,
          {
            details: { group, router },
          },
        );
      }
      const { version, write, oldSessions, held = false } = await worker.push(release);
      return { version, write, oldSessions, held };
    },
    status: () =>
      Promise.resolve({
        router,
        groups: [...workers].map(([group, worker]) => {
          const { version, write, haproxyPid } = worker.status();
          return { group, version, write, ...(haproxyPid === undefined ? {} : { haproxyPid }) };
        }),
      }),
  });
}
