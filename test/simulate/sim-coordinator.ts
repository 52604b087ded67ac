import { AlertDesk } from '../../src/core/alerts/desk.ts';
import { runCoordinator, type CoordinatorDeps } from '../../src/roles/coordinator/coordinator.ts';
import { usualCoordinator } from '../support/usual-roles.ts';
import { Daemon } from './sim-daemon.ts';
import type { SimGround } from './sim-ground.ts';
import { SimMysql } from './sim-mysql.ts';
import { simRegionalMeans } from './sim-regional.ts';

/** A coordinator, on a host of its own. */
export function simCoordinator(
  ground: SimGround,
  number: number,
  { policy, hasRegion }: { readonly policy: Partial<CoordinatorDeps['policy']>; readonly hasRegion: boolean },
): Daemon {
  const who = { host: `10.0.0.${60 + number}`, name: `coordinator ${number}` };
  return new Daemon(ground, who, ({ process, coordination, log, stop, starts }) => {
    const ports = {
      coordination,
      mysql: new SimMysql(ground, process),
      peers: ground.peers.callerOf(process),
      alerts: new AlertDesk({ sinks: [], clock: process, log, repeatMs: 300_000 }),
      clock: process,
      log,
      // Unlike that of any other process: it names who runs a plan.
      by: `c${number}-${starts}`,
      ...(hasRegion && { regional: simRegionalMeans(ground, process, number * 1000 + starts) }),
    };
    return runCoordinator(usualCoordinator(ports, { policy, tickMs: 2000 }), stop);
  });
}
