import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../core/model/endpoint.ts';
import { startProcesses } from './control.ts';
import { tearDown } from './down.ts';
import { type FailoverRun, runFailover } from './failover-run.ts';
import { faultOfReplica } from './groups.ts';
import { defaultOptions } from './layout.ts';
import { PROJECT } from './project.ts';
import { ProgressLine } from './progress-line.ts';
import { runDcmha } from './run-dcmha.ts';
import type { GroupSpec, SandboxState } from './state.ts';
import { sandboxStatus } from './status.ts';
import { bringUpGuarded, claimDirectory } from './up.ts';
import { startWatchdog } from './watch-parent.ts';

export interface DemoOptions {
  readonly dir: string | undefined;
  readonly hosts: number;
  readonly keep: boolean;
  /** One JSON document at the end instead of the story. */
  readonly json: boolean;
}

interface Check {
  readonly what: string;
  readonly held: boolean;
}

const RETURN_TIMEOUT_MS = 30_000;

/** Plays it and returns whether all checks held. Everything is removed at the end, however that comes, unless it is kept. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const dir = options.dir ?? path.join(PROJECT, '.sandbox/run', `demo-${process.pid}`);
  await mkdir(path.dirname(dir), { recursive: true });
  const wanted = { ...defaultOptions, hosts: options.hosts, dir };
  await claimDirectory(wanted);
  const callOff = startWatchdog(dir, { keep: false });
  const say = (text: string) => {
    if (!options.json) process.stdout.write(`${text}\n`);
  };
  // Ctrl-C ends the demo at once; the watchdog then clears up.
  const interrupted = () => process.exit(130);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const began = performance.now();
    say(`starting ${options.hosts} MySQL servers, ZooKeeper, HAProxy and dcmha in ${dir}`);
    const state = await bringUpGuarded(wanted);
    const { memoryMb } = await sandboxStatus(state);
    say(`up in ${seconds(performance.now() - began)}, ${memoryMb} MB`);
    return await play(state, { ...options, say });
  } finally {
    if (!options.keep) await tearDown(dir);
    callOff();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

async function play(
  state: SandboxState,
  { json, say }: { json: boolean; say: (text: string) => void },
): Promise<boolean> {
  const group = state.groups[0];
  if (group === undefined) return false;
  const line = new ProgressLine(json ? undefined : process.stdout);
  const run = await runFailover(state, group, {
    writeMs: 3000,
    everyMs: 1,
    onProgress: ({ acknowledged, failures, silentMs }) => {
      const failed = failures > 0 ? `, ${failures} failed attempts` : '';
      const silent = silentMs > 150 ? `, none for ${seconds(silentMs)}` : '';
      line.show(
        `writing through ${group.listeners[0]?.write ?? ''}: ${acknowledged} rows acknowledged${failed}${silent}`,
      );
    },
    onKill: (primary) => line.end(`kill -9 of mysqld ${primary}, the primary`),
  });
  line.end();
  for (const text of renderRun(run)) say(text);

  say(`starting mysqld ${run.from} again`);
  await startProcesses(state, { what: 'mysqld', host: parseEndpoint(run.from).host });
  const back = await untilBack(state, run);
  say(
    back === undefined ? `${run.from} replicates from ${run.to}` : `${run.from} is back, read-only: ${back}`,
  );
  const checks = await checkAll(state, group, run);
  say(`\n${await runDcmha(state, ['status', '--group', group.name])}`);
  for (const { what, held } of checks) say(`${held ? 'ok  ' : 'FAIL'} ${what}`);
  if (json) process.stdout.write(`${JSON.stringify({ ...run, checks }, null, 2)}\n`);
  return checks.every(({ held }) => held);
}

function renderRun({ from, to, outage, record, timeline, rows }: FailoverRun): string[] {
  let before = 0;
  const moments = timeline.map(({ name, afterMs }) => {
    const step = Math.max(0, afterMs - before);
    before = Math.max(before, afterMs);
    return `  ${name.padEnd(12)} ${afterMs.toFixed(0).padStart(6)} ms   (+${step.toFixed(0)} ms)`;
  });
  const written =
    outage === undefined ? 'the client saw no outage' : `the client's outage: ${outage.ms.toFixed(0)} ms`;
  return [
    `failover ${from} -> ${to} (${record.cause ?? 'no cause told'}), times after the kill:`,
    ...moments,
    `${written}${outage === undefined ? '' : ` (${outage.failures} failed attempts)`}`,
    `rows acknowledged ${rows.acknowledged}, found ${rows.found}, lost ${rows.lost.length}`,
  ];
}

/** undefined once the old primary replicates from the new one; else why it does not. */
async function untilBack(state: SandboxState, { from, to }: FailoverRun): Promise<string | undefined> {
  const deadline = performance.now() + RETURN_TIMEOUT_MS;
  for (;;) {
    const fault = await faultOfReplica(state, from, to);
    if (fault === undefined || performance.now() > deadline) return fault;
    await pause(200);
  }
}

async function checkAll(state: SandboxState, group: GroupSpec, run: FailoverRun): Promise<readonly Check[]> {
  const replicas = group.members.filter((member) => member !== run.to && member !== run.from);
  const faults = await Promise.all(replicas.map((replica) => faultOfReplica(state, replica, run.to)));
  return [
    { what: 'another server is the primary', held: run.to !== run.from },
    { what: 'the failover is on record as done', held: run.record.result === 'done' },
    { what: 'no acknowledged row is lost', held: run.rows.lost.length === 0 && run.rows.acknowledged > 0 },
    {
      what: 'every other replica follows the new primary',
      held: faults.every((fault) => fault === undefined),
    },
  ];
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
