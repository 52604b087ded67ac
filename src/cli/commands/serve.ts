import os from 'node:os';
import { runCoordinator } from '../../roles/coordinator/coordinator.ts';
import { abortOnSignals } from '../../roles/daemon.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';

export const serveCommand = defineCommand({
  command: 'serve',
  describe: 'coordinator: watch the primaries, decide, run failovers (run two or more)',
  options: {
    id: {
      type: 'string',
      describe: 'name of this coordinator in records; unlike any other',
      default: `${os.hostname()}-${process.pid}`,
    },
  },
  run: async (args) => {
    await using context = new Context(args, 'daemon');
    const { config, clock, log } = context;
    const signal = abortOnSignals(process);
    const [coordination, mysql, peers] = [
      await context.daemonCoordination(),
      await context.mysql(),
      await context.peers(),
    ];
    const { failover, coordinator, catchUp, fleet, peer } = config;
    await runCoordinator(
      {
        observer: {
          coordination,
          mysql,
          clock,
          by: args.id,
          agentPort: config.agent.port,
          probeTimeoutMs: coordinator.probeTimeoutMs,
          fleetWindowMs: fleet.windowMs,
          publishReturned: config.rejoin.publish === 'auto',
        },
        runner: {
          coordination,
          mysql,
          peers: peers.caller,
          alerts: context.alerts(),
          clock,
          log,
          by: args.id,
          agentPort: config.agent.port,
          fenceCommand: context.fenceCommand(),
          regional: await context.regional(),
          limits: {
            peerTimeoutMs: peer.timeoutMs,
            gatherTimeoutMs: failover.gatherTimeoutMs,
            silentMs: coordinator.probeTimeoutMs,
            freezeTimeoutMs: failover.freezeTimeoutMs,
            catchUpMs: catchUp.deadlineMs,
            confirmMs: failover.confirmMs,
          },
          stepTimeoutMs: failover.stepTimeoutMs,
        },
        policy: {
          automatic: failover.automatic,
          cooldownMs: failover.cooldownMs,
          stalledMs: failover.stalledMs,
          fleetMax: fleet.max,
          maxLoss: failover.maxLoss,
          quorum: failover.quorum,
          catchUp: catchUp.policy,
          rules: failover,
          semiSync: config.semiSync,
        },
        tickMs: coordinator.tickMs,
        replicaGraceMs: coordinator.replicaGraceMs,
        lag: config.lag,
      },
      signal,
    );
  },
});
