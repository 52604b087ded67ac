import type { AgentOptions } from '../../src/roles/agent/deps.ts';
import type { CoordinatorDeps } from '../../src/roles/coordinator/coordinator.ts';
import { noSemiSync, usualLag } from './usual-policies.ts';

export const usualPorts = { mysql: 3306, agent: 7071, router: 7072, lease: 7073, binlog: 7074 } as const;

/** What the configuration says of an agent unless it is told otherwise. */
export function usualAgent(host: string): AgentOptions {
  return {
    host,
    mysqlPort: usualPorts.mysql,
    control: { host, port: usualPorts.agent },
    defaultAgentPort: usualPorts.agent,
    pidFile: 'mysqld.pid',
    binlogPort: usualPorts.binlog,
    binlogPlace: { indexFile: '/data/binlog.index', dataDirectory: '/data' },
    version: '0.1.0',
    checkIntervalMs: 500,
    checkTimeoutMs: 1000,
    attempts: 3,
    commitProbeTimeoutMs: 3000,
    lag: usualLag,
    semiSync: noSemiSync,
    peerTimeoutMs: 2000,
  };
}

type Runner = CoordinatorDeps['runner'];

/** What one coordinator stands on. */
export type CoordinatorPorts = Pick<
  Runner,
  'coordination' | 'mysql' | 'peers' | 'alerts' | 'clock' | 'log' | 'by' | 'fenceCommand' | 'regional'
>;

/** What the configuration says of a coordinator unless it is told otherwise. */
export function usualCoordinator(
  ports: CoordinatorPorts,
  { policy, tickMs }: { readonly policy: Partial<CoordinatorDeps['policy']>; readonly tickMs: number },
): CoordinatorDeps {
  const { coordination, mysql, clock, by } = ports;
  const agentPort = usualPorts.agent;
  return {
    observer: {
      coordination,
      mysql,
      clock,
      by,
      agentPort,
      probeTimeoutMs: 800,
      fleetWindowMs: 60_000,
      publishReturned: true,
    },
    runner: {
      ...ports,
      agentPort,
      limits: {
        peerTimeoutMs: 2000,
        gatherTimeoutMs: 2000,
        silentMs: 800,
        freezeTimeoutMs: 10_000,
        catchUpMs: 5000,
        confirmMs: 3000,
      },
      stepTimeoutMs: 15_000,
    },
    policy: {
      automatic: true,
      cooldownMs: 600_000,
      stalledMs: 10_000,
      fleetMax: 3,
      maxLoss: 1000,
      catchUp: 'always',
      semiSync: noSemiSync,
      ...policy,
    },
    tickMs,
    replicaGraceMs: 3000,
    lag: usualLag,
  };
}
