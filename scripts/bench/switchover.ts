// npm run bench:switchover [-- --moves 10 --peer-moves 5 --clients 16,8,8 --json]: how long clients wait, and what they are told, while a healthy
// primary moves: 16 that connect for each row, 8 that write on one connection, 8 that use a pooled one now and then, all through one
// HAProxy. In the same run Group Replication of the same mysqld moves its primary by group_replication_set_as_primary; its HAProxy is switched by
// the same function by a watcher that asks every member 50 times a second.
import { parseArgs } from 'node:util';
import { connectTo } from '../../src/sandbox/connect.ts';
import { killProcesses } from '../../src/sandbox/control.ts';
import { ports } from '../../src/sandbox/layout.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import { runDcmha } from '../../src/sandbox/run-dcmha.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';
import { Crowd, type CrowdReport } from '../../test/support/crowd.ts';
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
    clients: { type: 'string', default: '16,8,8' },
    json: { type: 'boolean', default: false },
  },
});
const [reconnecting = Number.NaN, busy = Number.NaN, idle = Number.NaN] = values.clients
  .split(',')
  .map(Number);
const counts = { dcmha: Number(values.moves), peer: Number(values['peer-moves']) };
if (
  ![reconnecting, busy, idle, counts.dcmha, counts.peer].every((one) => Number.isInteger(one) && one >= 0)
) {
  process.stderr.write(
    'usage: npm run bench:switchover -- [--moves 10] [--peer-moves 5] [--clients 16,8,8] [--json]\n',
  );
  process.exit(64);
}

/** One move, as clients saw it. */
interface Move {
  /** Each client's longest time without an acknowledged row, ms. */
  readonly pauses: readonly number[];
  /** On connections that were asked for after the order. */
  readonly failedNew: number;
  /** On connections that stood before. */
  readonly failedOld: number;
  readonly lost: number;
}

const beforeMs = 500;

const ours = await inSandbox({ hosts: 3 }, async (state) => {
  const at = state.groups[0]!.listeners[0]!.write;
  const move = () => runDcmha(state, ['switchover', '--group', 'g1', '--yes']);
  const primary = async () => (await findPrimary(state, state.groups[0]!)) ?? '';
  return moves(counts.dcmha, { state, at, move, primary });
});
const theirs =
  counts.peer === 0
    ? []
    : await inSandbox({ hosts: 3, bare: true, mysqlOptions: groupReplicationOptions }, measurePeer);

const rows = [
  summary('dcmha switchover', ours),
  ...(theirs.length === 0 ? [] : [summary('group_replication_set_as_primary', theirs)]),
];
if (values.json) process.stdout.write(`${JSON.stringify({ rows, ours, theirs }, null, 2)}\n`);
else for (const row of rows) process.stdout.write(`${render(row)}\n`);
process.exitCode = ours.every(({ lost, failedNew }) => lost === 0 && failedNew === 0) ? 0 : 1;

interface Subject {
  readonly state: SandboxState;
  readonly at: string;
  readonly move: () => Promise<unknown>;
  readonly primary: () => Promise<string>;
}

async function moves(count: number, { state, at, move, primary }: Subject): Promise<Move[]> {
  const all: Move[] = [];
  for (let n = 1; n <= count; n++) {
    await using crowd = await Crowd.start({ dir: state.dir, at, clients: { reconnecting, busy, idle } });
    await goesOnFor(crowd, beforeMs);
    const orderedAt = performance.timeOrigin + performance.now();
    const before = await primary();
    await move();
    await goesOnFor(crowd, beforeMs);
    const after = await primary();
    if (after === before) throw new Error(`the primary has not moved from ${before}`);
    all.push(toMove(await crowd.stop(after), orderedAt));
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

function toMove({ pauses, failures, lost }: CrowdReport, orderedAt: number): Move {
  const failedNew = failures.filter(({ connectedAt }) => connectedAt > orderedAt).length;
  return { pauses, failedNew, failedOld: failures.length - failedNew, lost };
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
  return await moves(counts.peer, { state, at, move, primary: () => Promise.resolve(watcher.leadsTo ?? '') });
}

interface Row {
  readonly name: string;
  readonly moves: number;
  readonly medianMs: number;
  readonly maxMs: number;
  readonly failedNew: number;
  readonly failedOld: number;
  readonly lost: number;
}

function summary(name: string, all: readonly Move[]): Row {
  const sum = (pick: (move: Move) => number) => all.reduce((total, move) => total + pick(move), 0);
  const pauses = all.flatMap((move) => move.pauses);
  return {
    name,
    moves: all.length,
    medianMs: Math.round(median(pauses)),
    maxMs: Math.round(Math.max(...pauses)),
    failedNew: sum((move) => move.failedNew),
    failedOld: sum((move) => move.failedOld),
    lost: sum((move) => move.lost),
  };
}

function render({ name, moves: count, medianMs, maxMs, failedNew, failedOld, lost }: Row): string {
  return `${name.padEnd(34)} ${count} moves: clients waited ${medianMs} ms (median), ${maxMs} ms (max); failed statements: ${failedNew} on new connections, ${failedOld} on old ones; ${lost} rows lost`;
}
