import path from 'node:path';
import type { Config } from '../../config/schema.ts';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import { hostId } from '../../core/model/endpoint.ts';
import { runAgent } from '../../roles/agent/agent.ts';
import { abortOnSignals } from '../../roles/daemon.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { programVersion } from '../version.ts';

export const heartbeatCommand = defineCommand({
  command: 'heartbeat',
  describe: 'agent of one MySQL host: presence, checks, fence, lease',
  help:
    'Runs beside mysqld, one per host. It is the only one that changes read_only there: mysqld must boot with super_read_only=ON and ' +
    'skip_replica_start=ON.',
  options: {
    host: { type: 'string', demandOption: true, describe: "this host's address, as in the metadata" },
    port: { type: 'number', default: 3306, describe: "MySQL's port, until the metadata say it" },
  },
  run: async (args) => {
    await using context = new Context(args, 'daemon');
    const { config, clock, log } = context;
    const signal = abortOnSignals(process);
    const [coordination, mysql, peers] = [
      await context.daemonCoordination(),
      await context.mysql(args.host),
      await context.peers(),
    ];
    const { agent, peer } = config;
    await runAgent(
      {
        coordination,
        mysql,
        processes: context.processes(),
        stateFile: context.stateFile(`agent-${hostId(args.host)}.json`),
        caller: peers.caller,
        listener: peers.listener,
        clock,
        log: log.with({ host: args.host }),
        binlog: await context.binlog(),
        rejoin: await context.rejoin(args.host),
        start: context.start(),
        regional: (await context.regional()).servers,
        semiSync: await context.semiSync(args.host),
      },
      {
        host: args.host,
        mysqlPort: args.port,
        control: { host: args.host, port: agent.port },
        defaultAgentPort: agent.port,
        pidFile: agent.pidFile,
        binlogPlace: binlogPlaceOf(agent),
        binlogPort: agent.binlogPort,
        version: programVersion(),
        checkIntervalMs: agent.checkIntervalMs,
        checkTimeoutMs: agent.checkTimeoutMs,
        attempts: agent.attempts,
        commitProbeTimeoutMs: agent.commitProbeTimeoutMs,
        peerTimeoutMs: peer.timeoutMs,
        lag: config.lag,
        semiSync: config.semiSync,
        rejoinAutomatic: config.rejoin.automatic,
        rejoinClone: config.rejoin.clone,
      },
      signal,
    );
  },
});

/** As the configuration says; undefined: as the server says once it has answered. */
function binlogPlaceOf(agent: Config['agent']): BinlogPlace | undefined {
  const { datadir, binlogIndex } = agent;
  if (datadir === undefined && binlogIndex === undefined) return undefined;
  const indexFile = binlogIndex ?? path.join(datadir ?? '', 'binlog.index');
  return { indexFile, dataDirectory: datadir ?? path.dirname(indexFile) };
}
