// npm run bench:switchover [-- --moves 10 --peer-moves 5 --clients 2,2,28 --every-ms 20 --idle-ms 1000 --semi-sync --phases --json]: how long clients
// wait, and what they are told, while a healthy primary moves. 32 connections through one HAProxy: 2 clients that connect for each row and 2 that
// write on one connection have a row to write every 20 ms and so see all of a pause; 28 use a pooled connection now and then. A client
// waits from when it has a row to write until that is acknowledged, however often it has to try; of each, the longest of the waits that fall into
// the move counts, and the median of its waits before the move is told beside it. More rows than two cores can write are a measure of those.
// --semi-sync: ours with `semiSync.mode: required`. --phases: what the record says of each move. In the same run Group Replication of the same
// mysqld moves its primary by group_replication_set_as_primary; its HAProxy is switched by the same function by a watcher that asks every member
// 50 times a second.
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { connectTo } from '../../src/sandbox/connect.ts';
import { killProcesses } from '../../src/sandbox/control.ts';
import { ports, type SandboxOptions } from '../../src/sandbox/layout.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import { runDcmha } from '../../src/sandbox/run-dcmha.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';
import { Crowd, type CrowdReport, type Habit } from '../../test/support/crowd.ts';
import { eventually } from '../../test/support/eventually.ts';
import { median } from './figure.ts';
import { inSandbox } from './in-sandbox.ts';
import { formGroupReplication, groupReplicationOptions } from './peer/group.ts';
import { startPeerProxy } from './peer/proxy.ts';
import { PeerWatcher } from './peer/watcher.ts';

const { values } = parseArgs({
  options: {
    moves: { type: 'string', default: '10' },
    'peer-moves': { type: 'string', default: '5' },
    clients: { type: 'string', default: '2,2,28' },
    'every-ms': { type: 'string', default: '20' },
    'idle-ms': { type: 'string', default: '1000' },
    'semi-sync': { type: 'boolean', default: false },
    phases: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [reconnecting = Number.NaN, busy = Number.NaN, idle = Number.NaN] = values.clients
  .split(',')
  .map(Number);
const everyMs = Number(values['every-ms']);
const idleMs = Number(values['idle-ms']);
const counts = { dcmha: Number(values.moves), peer: Number(values['peer-moves']) };
if (
  ![reconnecting, busy, idle, everyMs, idleMs, counts.dcmha, counts.peer].every(
    (one) => Number.isInteger(one) && one >= 0,
  )
) {
  process.stderr.write(
    'usage: npm run bench:switchover -- [--moves 10] [--peer-moves 5] [--clients 2,2,28] [--every-ms 20] [--idle-ms 1000] [--semi-sync] [--phases] [--json]\n',
  );
  process.exit(64);
}

/** One move, as clients saw it. */
interface Move {
  /** Of each client that writes without a break, its longest wait for a row that was outstanding while the primary moved, ms. */
  readonly waits: readonly number[];
  /** All waits of theirs that ended before the primary moved. */
  readonly usual: readonly number[];
  /** Of the others, who may have nothing to write just then. */
  readonly idleWaits: readonly number[];
  /** On connections that were asked for after the order. */
  readonly failedNew: number;
  /** On connections that stood before. */
  readonly failedOld: number;
  readonly lost: number;
  /** What those on new connections were told, and how long after the order, ms. */
  readonly told: readonly string[];
  /** The steps of its record, and how long each took, ms. */
  readonly phases: readonly (readonly [step: string, tookMs: number])[];
}

const record = z.object({
  pausedMs: z.number(),
  steps: z.array(z.object({ step: z.string(), tookMs: z.number() })),
});

const beforeMs = 500;

const semiSync: Partial<SandboxOptions> = {
  mysqlOptions: { plugin_load_add: 'semisync_source.so;semisync_replica.so' },
  settings: { semiSync: { mode: 'required' } },
};

const ours = await inSandbox({ hosts: 3, ...(values['semi-sync'] ? semiSync : {}) }, async (state) => {
  const at = state.groups[0]!.listeners[0]!.write;
  const move = () => runDcmha(state, ['switchover', '--group', 'g1', '--yes']);
  const primary = async () => (await findPrimary(state, state.groups[0]!)) ?? '';
  const phases = async (): Promise<Move['phases']> => {
    const newest = z
      .tuple([record], z.unknown())
      .parse(JSON.parse(await runDcmha(state, ['history', '--group', 'g1', '--json'])))[0];
    return [['pause', newest.pausedMs], ...newest.steps.map(({ step, tookMs }) => [step, tookMs] as const)];
  };
  return moves(counts.dcmha, { state, at, move, primary, phases });
});
const theirs =
  counts.peer === 0
    ? []
    : await inSandbox({ hosts: 3, bare: true, mysqlOptions: groupReplicationOptions }, measurePeer);

const rows = [
  summary(`dcmha switchover${values['semi-sync'] ? ' (semi-sync)' : ''}`, ours),
  ...(theirs.length === 0 ? [] : [summary('group_replication_set_as_primary', theirs)]),
];
if (values.json) process.stdout.write(`${JSON.stringify({ rows, ours, theirs }, null, 2)}\n`);
else for (const row of rows) process.stdout.write(`${render(row)}\n`);
if (values.phases && !values.json)
  for (const { phases, waits, told } of ours) {
    const steps = phases.map(([step, ms]) => `${step} ${Math.round(ms)}`).join(', ');
    const waited = [median(waits), Math.max(...waits)].map(Math.round).join(', ');
    process.stdout.write(
      `clients waited ${waited} ms: ${steps}\n${told.map((text) => `  ${text}\n`).join('')}`,
    );
  }
process.exitCode = ours.every(({ lost, failedNew }) => lost === 0 && failedNew === 0) ? 0 : 1;

interface Subject {
  readonly state: SandboxState;
  readonly at: string;
  readonly move: () => Promise<unknown>;
  readonly primary: () => Promise<string>;
  readonly phases: () => Promise<Move['phases']>;
}

async function moves(count: number, { state, at, move, primary, phases }: Subject): Promise<Move[]> {
  const all: Move[] = [];
  for (let n = 1; n <= count; n++) {
    await using crowd = await Crowd.start({
      dir: state.dir,
      at,
      clients: { reconnecting, busy, idle },
      everyMs,
      idleMs,
    });
    await goesOnFor(crowd, beforeMs);
    const orderedAt = performance.timeOrigin + performance.now();
    const before = await primary();
    await move();
    const movedAt = performance.timeOrigin + performance.now();
    await goesOnFor(crowd, beforeMs);
    const after = await primary();
    if (after === before) throw new Error(`the primary has not moved from ${before}`);
    const report = await crowd.stop(after);
    all.push(toMove(report, { orderedAt, movedAt, phases: await phases() }));
  }
  return all;
}

async function goesOnFor(crowd: Crowd, ms: number): Promise<void> {
  const until = performance.now() + ms;
  const rowsThen = crowd.acknowledged;
  await eventually(() => performance.now() > until && crowd.acknowledged > rowsThen + 100, {
    timeoutMs: 30_000,
  });
}

interface Moved {
  readonly orderedAt: number;
  readonly movedAt: number;
  readonly phases: Move['phases'];
}

function toMove({ waits, failures, lost }: CrowdReport, { orderedAt, movedAt, phases }: Moved): Move {
  const onNew = failures.filter(({ connectedAt }) => connectedAt > orderedAt);
  const longestOf = (habits: readonly Habit[]) => {
    const longest = new Map<number, number>();
    for (const { client, habit, wantedAt, at } of waits) {
      if (at < orderedAt || wantedAt > movedAt || !habits.includes(habit)) continue;
      longest.set(client, Math.max(longest.get(client) ?? 0, at - wantedAt));
    }
    return [...longest.values()];
  };
  const told = onNew.map(({ habit, connectedAt, at, error }) => {
    const [from, to] = [connectedAt, at].map((time) => Math.round(time - orderedAt));
    return `${habit} ${from}-${to}: ${error}`;
  });
  return {
    waits: longestOf(['reconnecting', 'busy']),
    usual: waits
      .filter(({ habit, at }) => habit !== 'idle' && at < orderedAt)
      .map(({ wantedAt, at }) => at - wantedAt),
    idleWaits: longestOf(['idle']),
    failedNew: onNew.length,
    failedOld: failures.length - onNew.length,
    lost,
    told,
    phases,
  };
}

async function measurePeer(state: SandboxState): Promise<Move[]> {
  const { members } = state.groups[0]!;
  await killProcesses(state, { what: 'zookeeper' });
  await formGroupReplication(state, members, 'defaults');
  const at = `${state.network}.51:${ports.write}`;
  await using watcher = new PeerWatcher(state.dir, await startPeerProxy(state, at));
  watcher.start(members);
  await eventually(() => watcher.leadsTo !== undefined, { timeoutMs: 10_000 });
  let next = 0;
  const move = async (): Promise<void> => {
    next = (next + 1) % members.length;
    const to = members[next]!;
    const connection = await connectTo({ dir: state.dir, at: to, as: 'dcmha' });
    await connection.query('SELECT group_replication_set_as_primary(@@server_uuid)');
    await connection.end();
    await eventually(() => watcher.leadsTo === to, { timeoutMs: 10_000, everyMs: 5 });
  };
  const primary = () => Promise.resolve(watcher.leadsTo ?? '');
  return await moves(counts.peer, { state, at, move, primary, phases: () => Promise.resolve([]) });
}

interface Row {
  readonly name: string;
  readonly moves: number;
  readonly medianMs: number;
  /** Without a move. */
  readonly usualMs: number;
  readonly maxMs: number;
  readonly failedNew: number;
  readonly failedOld: number;
  readonly lost: number;
}

function summary(name: string, all: readonly Move[]): Row {
  const sum = (pick: (move: Move) => number) => all.reduce((total, move) => total + pick(move), 0);
  const waits = all.flatMap((move) => move.waits);
  return {
    name,
    moves: all.length,
    medianMs: Math.round(median(waits)),
    usualMs: Math.round(median(all.flatMap((move) => move.usual))),
    maxMs: Math.round(Math.max(...waits, ...all.flatMap((move) => move.idleWaits))),
    failedNew: sum((move) => move.failedNew),
    failedOld: sum((move) => move.failedOld),
    lost: sum((move) => move.lost),
  };
}

function render({ name, moves: count, medianMs, usualMs, maxMs, failedNew, failedOld, lost }: Row): string {
  return `${name.padEnd(34)} ${count} moves: clients waited ${medianMs} ms (median; ${usualMs} ms without a move), ${maxMs} ms (max); failed statements: ${failedNew} on new connections, ${failedOld} on old ones; ${lost} rows lost`;
}
