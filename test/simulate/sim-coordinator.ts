import { AlertDesk } from '../../src/core/alerts/desk.ts';
import { runCoordinator, type CoordinatorDeps } from '../../src/roles/coordinator.ts';
import { Daemon } from './sim-daemon.ts';
import type { SimGround } from './sim-ground.ts';
import { SimMysql } from './sim-mysql.ts';
import { usualLag } from '../support/usual-policies.ts';

/** A coordinator, on a host of its own. */
export function simCoordinator(ground: SimGround, number: number, policy: CoordinatorDeps['policy']): Daemon {
  const who = { host: `10.0.0.${60 + number}`, name: `coordinator ${number}` };
  return new Daemon(ground, who, ({ process, coordination, log, stop, starts }) => {
    // Unlike that of any other process: it names who runs a plan.
    const by = `c${number}-${starts}`;
    const clock = process;
    const mysql = new SimMysql(ground, process);
    const alerts = new AlertDesk({ sinks: [], clock, log, repeatMs: 300_000 });
    const observer = {
      coordination,
      mysql,
      clock,
      by,
      agentPort: 7071,
      probeTimeoutMs: 800,
      fleetWindowMs: 60_000,
      publishReturned: true,
    };
    const limits = {
      peerTimeoutMs: 2000,
      gatherTimeoutMs: 2000,
      silentMs: 800,
      freezeTimeoutMs: 10_000,
      catchUpMs: 5000,
      confirmMs: 3000,
    };
    const peers = ground.peers.callerOf(process);
    const runner = {
      coordination,
      mysql,
      peers,
      alerts,
      clock,
      log,
      by,
      agentPort: 7071,
      limits,
      stepTimeoutMs: 15_000,
    };
    return runCoordinator(
      { observer, runner, policy, tickMs: 2000, replicaGraceMs: 3000, lag: usualLag },
      stop,
    );
  });
}
