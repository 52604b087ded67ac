import { closesWithinMs } from '../../core/haproxy/lease-check.ts';
import { runRouter } from '../../roles/router/router.ts';
import { abortOnSignals } from '../../roles/daemon.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';

export const routeCommand = defineCommand({
  command: 'route',
  describe: 'router: keeps the HAProxy of groups on their published routes',
  help:
    "Runs beside HAProxy on the hosts of applications. For each group it writes G.cfg (a file that is there keeps all that is not dcmha's), " +
    'runs HAProxy with it, and changes servers through the runtime socket. HAProxy goes on when the router ends, but closes the write side ' +
    'unless a router is back within the lease.',
  options: {
    groups: { type: 'string', demandOption: true, describe: 'groups: a,b' },
    stopHaproxy: { type: 'boolean', default: false, describe: 'end HAProxy, too, when the router ends' },
  },
  run: async (args) => {
    const groups = args.groups.split(',').filter((name) => name !== '');
    if (groups.length === 0) throw new DcmhaError('USAGE', '--groups names no group');
    const context = new Context(args, 'daemon');
    try {
      await serve(context, groups, args.stopHaproxy);
    } catch (error) {
      await context[Symbol.asyncDispose]();
      throw error;
    }
    // Not disposed: the acknowledgement in ZooKeeper must stand until HAProxy has noticed that the router is gone.
    process.exit(0);
  },
});

async function serve(context: Context, groups: readonly string[], stopHaproxy: boolean): Promise<void> {
  const { config, clock, log } = context;
  const signal = abortOnSignals(process);
  const [coordination, peers] = [await context.daemonCoordination(), await context.peers()];
  await runRouter(
    {
      coordination,
      proxyOf: await context.proxies(groups),
      leasePort: context.leasePort(),
      listener: peers.listener,
      caller: peers.caller,
      clock,
      log,
    },
    {
      control: { host: config.router.host, port: config.router.port },
      groups,
      leasePort: config.router.leasePort,
      closesWithinMs: closesWithinMs(context.leaseCheck()),
      defaultAgentPort: config.agent.port,
      stopHaproxy,
      reads: {
        dc: config.router.dc,
        order: config.router.reads,
        weights: config.router.weights,
        lag: config.lag,
      },
    },
    signal,
  );
}
