import type { SemiSync } from '../../src/ports/semi-sync.ts';
import type { SemiSyncPlugin } from './semi-sync-plugin.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';
import { Statements, type SimMysqlWorld } from './statements.ts';

/** The semi-synchronous plugins as one process sets them. */
export function simSemiSync(world: SimMysqlWorld, process: SimProcess): SemiSync {
  const statements = new Statements(world, process);
  return {
    status: (at, options) =>
      statements.execute(at, options, (server, finish) => finish(statusOf(server, server.semiSync))),
    setSource: (at, settings, options) =>
      statements.execute(at, options, (server, finish) => {
        if (server.semiSync !== undefined) server.semiSync.source = settings;
        server.commitMore();
        finish(undefined);
      }),
    disableSource: (at, options) =>
      statements.execute(at, options, (server, finish) => {
        const { semiSync } = server;
        if (semiSync !== undefined) semiSync.source = { ...semiSync.source, enabled: false };
        server.commitMore();
        finish(undefined);
      }),
    setReplica: (at, enabled, options) =>
      statements.execute(at, options, (server, finish) => {
        if (server.semiSync !== undefined) server.semiSync.replica = enabled;
        finish(undefined);
      }),
  };
}

function statusOf(server: SimServer, plugin: SemiSyncPlugin | undefined) {
  if (plugin === undefined) return { source: undefined, replica: undefined };
  const { source, acknowledged, unacknowledged, replica } = plugin;
  const clients = server.semiSyncClients;
  const channel = server.channels.get('');
  return {
    source: {
      ...source,
      on: plugin.isOn(clients),
      clients,
      waiting: server.waiting,
      acknowledged,
      unacknowledged,
    },
    replica: { enabled: replica, on: channel?.isAttached === true && channel.acknowledges },
  };
}
