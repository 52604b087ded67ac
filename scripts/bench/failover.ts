// npm run bench:failover [-- --runs 10 --hosts 3 --what mysqld|host|network --signal KILL|STOP --fast --semi-sync --json]: the write
// outage of a client that retries through HAProxy while the primary's mysqld, or its mysqld and agent, are killed or stopped, or its
// host is cut off. Each run has a sandbox of its own. --fast: the deadlines that docs/operations.md names for one data centre.
// --peer both|defaults|fast|none, --peer-runs 3: the same of MySQL Group Replication, in turn with ours: the same mysqld with the same
// options, HAProxy with the same time-outs, switched through its runtime socket by a watcher that asks every member 50 times a second.
import { parseArgs } from 'node:util';
import { connectTo } from '../../src/sandbox/connect.ts';
import { type FailoverRun, runFailover } from '../../src/sandbox/failover-run.ts';
import type { SandboxOptions } from '../../src/sandbox/layout.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';
import { describePeerRun, describeRun, renderSummary, summarize } from './failover-summary.ts';
import { inSandbox } from './in-sandbox.ts';
import { groupReplicationOptions, type PeerSettings } from './peer/group.ts';
import { type PeerRun, runPeer } from './peer/run.ts';

const peerChoices: Readonly<Record<string, readonly PeerSettings[]>> = {
  both: ['defaults', 'fast'],
  defaults: ['defaults'],
  fast: ['fast'],
  none: [],
};

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    hosts: { type: 'string', default: '3' },
    what: { type: 'string', default: 'mysqld' },
    signal: { type: 'string', default: 'KILL' },
    peer: { type: 'string', default: 'both' },
    'peer-runs': { type: 'string', default: '3' },
    fast: { type: 'boolean', default: false },
    'semi-sync': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const hosts = Number(values.hosts);
const peerRuns = Number(values['peer-runs']);
const what = (['mysqld', 'host', 'network'] as const).find((known) => known === values.what);
const signal = (['KILL', 'STOP'] as const).find((known) => known === values.signal);
const peers = peerChoices[values.peer];
const numbersAreGood = runs >= 0 && peerRuns >= 0 && runs + peerRuns >= 1 && hosts >= 2;
if (!numbersAreGood || what === undefined || signal === undefined || peers === undefined) {
  process.stderr.write(
    'usage: npm run bench:failover -- [--runs 10] [--hosts 3] [--what mysqld|host|network] [--signal KILL|STOP] [--fast] [--semi-sync] [--peer both|defaults|fast|none] [--peer-runs 3] [--json]\n',
  );
  process.exit(64);
}

/** For servers and clients that are a few milliseconds apart. */
const fastSettings = {
  zookeeper: { sessionTimeoutMs: 2000 },
  peer: { timeoutMs: 500 },
  coordinator: { probeTimeoutMs: 100 },
  agent: { checkIntervalMs: 250, checkTimeoutMs: 300, attempts: 2, commitProbeTimeoutMs: 500 },
  failover: { stalledMs: 500 },
};
const semiSyncOptions = {
  plugin_load_add: 'semisync_source.so;semisync_replica.so',
  loose_rpl_semi_sync_replica_enabled: 1,
};
const outage = { writeMs: 2000, everyMs: 1, what, signal };
const shape: Partial<SandboxOptions> = { hosts, isolated: what === 'network' };
const ours: FailoverRun[] = [];
const theirs: PeerRun[] = [];
// In turn, so that whatever else the machine does meets both.
for (let n = 1; n <= Math.max(runs, peerRuns); n++) {
  if (n <= runs) say(describeRun(n, keep(ours, await measure())));
  if (n > peerRuns) continue;
  for (const settings of peers) say(describePeerRun(n, keep(theirs, await measurePeer(settings))));
}
const lost = [...ours, ...theirs].reduce((sum, { rows }) => sum + rows.lost.length, 0);
const rows = summarize(ours, theirs);
const title = what === 'network' ? "the primary's host cut off" : `SIG${signal} to the primary's ${what}`;
if (values.json)
  process.stdout.write(`${JSON.stringify({ runs: ours, peer: theirs, summary: rows, lost }, null, 2)}\n`);
else say(renderSummary(rows, { what: `${title}, ${hosts} hosts`, lost }));
process.exitCode = lost === 0 ? 0 : 1;

function say(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`);
}

function keep<T>(all: T[], run: T): T {
  all.push(run);
  return run;
}

function measure(): Promise<FailoverRun> {
  const options = {
    settings: values.fast ? fastSettings : {},
    mysqlOptions: values['semi-sync'] ? semiSyncOptions : {},
  };
  return inSandbox({ ...shape, ...options }, async (state) => {
    if (values['semi-sync']) await enableSemiSync(state);
    return runFailover(state, state.groups[0]!, outage);
  });
}

function measurePeer(settings: PeerSettings): Promise<PeerRun> {
  return inSandbox({ ...shape, bare: true, mysqlOptions: groupReplicationOptions }, (state) =>
    runPeer(state, settings, outage),
  );
}

/** At the primary only: a replica that waited for acknowledgements would wait for its own replicas. */
async function enableSemiSync(state: SandboxState): Promise<void> {
  const at = await findPrimary(state, state.groups[0]!);
  const connection = await connectTo({ dir: state.dir, at: at ?? '', as: 'dcmha' });
  await connection.query('SET GLOBAL rpl_semi_sync_source_enabled = 1');
  await connection.end();
}
