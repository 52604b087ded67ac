import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import { checkRows, type RowCheck } from '../../../src/sandbox/check-rows.ts';
import { killProcesses } from '../../../src/sandbox/control.ts';
import { ports } from '../../../src/sandbox/layout.ts';
import { type OutageOptions, underWriter } from '../../../src/sandbox/outage.ts';
import type { SandboxState } from '../../../src/sandbox/state.ts';
import type { Outage } from '../../../src/sandbox/writer.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { formGroupReplication, type PeerSettings } from './group.ts';
import { startPeerProxy } from './proxy.ts';
import { PeerWatcher } from './watcher.ts';

export interface PeerRun {
  readonly settings: PeerSettings;
  readonly killedAt: number;
  readonly outage: Outage | undefined;
  readonly rows: RowCheck;
}

/** The same outage, of Group Replication: same mysqld, same HAProxy, same client. The sandbox is a bare one that nothing else uses. */
export async function runPeer(
  state: SandboxState,
  settings: PeerSettings,
  options: OutageOptions,
): Promise<PeerRun> {
  const { members } = state.groups[0]!;
  await killProcesses(state, { what: 'zookeeper' });
  await formGroupReplication(state, members, settings);
  // This machine is a neighbour of the hosts that have networks of their own.
  const at = `${state.network}.${state.isolated ? 254 : 51}:${ports.write}`;
  const proxy = await startPeerProxy(state, at);
  await using watcher = new PeerWatcher(state.dir, proxy);
  watcher.start(members);
  const primary = members[0]!;
  await eventually(() => watcher.leadsTo === primary, { timeoutMs: 10_000 });
  const { killedAt, report } = await underWriter({ state, at, primary }, options, () => Promise.resolve());
  const to = watcher.leadsTo;
  if (to === undefined || parseEndpoint(to).host === parseEndpoint(primary).host)
    throw new Error(`the group has not left ${primary}`);
  return {
    settings,
    killedAt,
    outage: report.outages.find((outage) => outage.to > killedAt),
    rows: await checkRows(state.dir, to, report),
  };
}
