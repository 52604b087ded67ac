// npm run bench:failover [-- --runs 10 --hosts 3 --what mysqld|host|network --signal KILL|STOP --fast --semi-sync --json]: the write
// outage of a client that retries through HAProxy while the primary's mysqld, or its mysqld and agent, are killed or stopped, or its
// host is cut off. Each run has a sandbox of its own. --fast: the deadlines that docs/operations.md names for one data centre.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { connectTo } from '../../src/sandbox/connect.ts';
import { tearDown } from '../../src/sandbox/down.ts';
import { type FailoverRun, runFailover } from '../../src/sandbox/failover-run.ts';
import { defaultOptions } from '../../src/sandbox/layout.ts';
import { mysqlVersion } from '../../src/sandbox/project.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';
import { startSandbox } from '../../src/sandbox/up.ts';
import { startWatchdog } from '../../src/sandbox/watch-parent.ts';

interface Row {
  readonly name: string;
  readonly values: readonly number[];
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    hosts: { type: 'string', default: '3' },
    what: { type: 'string', default: 'mysqld' },
    signal: { type: 'string', default: 'KILL' },
    fast: { type: 'boolean', default: false },
    'semi-sync': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const hosts = Number(values.hosts);
const what = (['mysqld', 'host', 'network'] as const).find((known) => known === values.what);
const signal = (['KILL', 'STOP'] as const).find((known) => known === values.signal);
if (!(runs >= 1 && hosts >= 2) || what === undefined || signal === undefined) {
  process.stderr.write(
    'usage: npm run bench:failover -- [--runs 10] [--hosts 3] [--what mysqld|host|network] [--signal KILL|STOP] [--fast] [--semi-sync] [--json]\n',
  );
  process.exit(64);
}

/** For servers and clients that are a few milliseconds apart. */
const fastSettings = {
  zookeeper: { sessionTimeoutMs: 2000 },
  peer: { timeoutMs: 500 },
  coordinator: { probeTimeoutMs: 150 },
  agent: { checkIntervalMs: 250, checkTimeoutMs: 300, attempts: 2, commitProbeTimeoutMs: 500 },
  failover: { stalledMs: 500 },
};
const semiSyncOptions = {
  plugin_load_add: 'semisync_source.so;semisync_replica.so',
  loose_rpl_semi_sync_replica_enabled: 1,
};
const done: FailoverRun[] = [];
for (let n = 1; n <= runs; n++) {
  const run = await measure();
  done.push(run);
  if (!values.json) process.stdout.write(`${describe(n, run)}\n`);
}
const lost = done.reduce((sum, { rows }) => sum + rows.lost.length, 0);
const rows = summarize(done);
if (values.json) process.stdout.write(`${JSON.stringify({ runs: done, summary: rows, lost }, null, 2)}\n`);
else printSummary(rows);
process.exitCode = lost === 0 ? 0 : 1;

async function measure(): Promise<FailoverRun> {
  const dir = await mkdtemp(path.join(tmpdir(), 'dcmha-bench-'));
  const callOff = startWatchdog(dir, { keep: false });
  try {
    const state = await startSandbox({
      ...defaultOptions,
      hosts,
      dir,
      isolated: what === 'network',
      settings: values.fast ? fastSettings : {},
      mysqlOptions: values['semi-sync'] ? semiSyncOptions : {},
    });
    if (values['semi-sync']) await enableSemiSync(state);
    return await runFailover(state, state.groups[0]!, { writeMs: 2000, everyMs: 1, what, signal });
  } finally {
    await tearDown(dir);
    callOff();
    await rm(dir, { recursive: true, force: true });
  }
}

/** At the primary only: a replica that waited for acknowledgements would wait for its own replicas. */
async function enableSemiSync(state: SandboxState): Promise<void> {
  const at = await findPrimary(state, state.groups[0]!);
  const connection = await connectTo({ dir: state.dir, at: at ?? '', as: 'dcmha' });
  await connection.query('SET GLOBAL rpl_semi_sync_source_enabled = 1');
  await connection.end();
}

function describe(
  n: number,
  { outage, timeline, rows: { acknowledged, lost: missing } }: FailoverRun,
): string {
  const moments = timeline.map(({ name, afterMs }) => `${name} ${afterMs.toFixed(0)}`).join(', ');
  return `${n}: outage ${outage?.ms.toFixed(0) ?? '-'} ms; ${moments}; rows ${acknowledged}, lost ${missing.length}`;
}

function summarize(all: readonly FailoverRun[]): readonly Row[] {
  const moments = [...new Set(all.flatMap(({ timeline }) => timeline.map(({ name }) => name)))];
  const outages = all.map(({ outage }) => outage?.ms ?? 0);
  const afterKill = all.map(({ outage, killedAt }) => (outage === undefined ? 0 : outage.to - killedAt));
  return [
    { name: 'write outage', values: outages },
    { name: 'kill to first row', values: afterKill },
    ...moments.map((name) => ({
      name,
      values: all.flatMap(({ timeline }) =>
        timeline.filter((moment) => moment.name === name).map(({ afterMs }) => afterMs),
      ),
    })),
  ];
}

function printSummary(summary: readonly Row[]): void {
  const ms = (value: number | undefined) => (value ?? NaN).toFixed(0).padStart(8);
  process.stdout.write(
    `\n${runs} runs of SIG${values.signal} to the primary's ${values.what}, ${hosts} hosts, MySQL ${mysqlVersion()}, ${cpus().length} cores; ms\n`,
  );
  process.stdout.write(`${''.padEnd(20)}     min  median     max\n`);
  for (const { name, values: unsorted } of summary) {
    const sorted = [...unsorted].sort((a, b) => a - b);
    process.stdout.write(`${name.padEnd(20)}${ms(sorted[0])}${ms(median(sorted))}${ms(sorted.at(-1))}\n`);
  }
  process.stdout.write(`acknowledged rows lost: ${lost}\n`);
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return (low + high) / 2;
}
