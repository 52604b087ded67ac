import type { RowDataPacket } from 'mysql2/promise';
import { setTimeout as pause } from 'node:timers/promises';
import { DcmhaError, toDcmhaError } from '../core/model/errors.ts';
import { connectTo } from './connect.ts';
import { ports } from './layout.ts';
import { startKind } from './processes.ts';
import { findPrimary } from './primary.ts';
import { missingRegistration } from './registered.ts';
import { runDcmha } from './run-dcmha.ts';
import { settleAll } from './settle.ts';
import type { GroupSpec, SandboxState } from './state.ts';

const SERVING_TIMEOUT_MS = 60_000;

/** Makes groups of the servers, as an operator would, and returns once each takes writes through its routers and replicates. */
export async function formGroups(state: SandboxState, servers: Promise<unknown>): Promise<void> {
  await runDcmha(state, ['init']);
  await settleAll(state.groups.map((group) => describeGroup(state, group)));
  await settleAll([startKind(state, 'coordinator', 'router'), servers.then(() => startKind(state, 'agent'))]);
  await settleAll(state.groups.map((group) => runDcmha(state, ['add', '--group', group.name])));
  await settleAll([
    ...state.groups.map((group) => untilServing(state, group)),
    untilNothingIsMissing('the sandbox', () => missingRegistration(state)),
  ]);
}

async function describeGroup(state: SandboxState, { name, members }: GroupSpec): Promise<void> {
  await runDcmha(state, ['insertclustermeta', '--group', name, '--hosts', members.join(',')]);
  const routers = state.processes.filter(({ kind }) => kind === 'router');
  if (routers.length === 0) return;
  const endpoints = routers.map(({ host }) => `${host}:${ports.router}`).join(',');
  await runDcmha(state, ['addroute', '--group', name, '--routers', endpoints]);
}

/** Resolves once the primary answers through every listener and all other members replicate from it. */
export function untilServing(state: SandboxState, group: GroupSpec): Promise<void> {
  return untilNothingIsMissing(`group ${group.name}`, () => whatIsMissing(state, group));
}

async function untilNothingIsMissing(what: string, look: () => Promise<string | undefined>): Promise<void> {
  const deadline = performance.now() + SERVING_TIMEOUT_MS;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (performance.now() > deadline) {
      throw new DcmhaError('TIMED_OUT', `${what} is not healthy after ${SERVING_TIMEOUT_MS} ms: ${missing}`);
    }
    await pause(100);
  }
}

async function whatIsMissing(state: SandboxState, group: GroupSpec): Promise<string | undefined> {
  const primary = await findPrimary(state, group);
  if (primary === undefined) return 'no member takes writes';
  const faults = await Promise.all([
    ...group.listeners.map(({ write }) => faultOfListener(state, write, primary)),
    ...group.listeners.map(({ read }) => faultOfListener(state, read, undefined)),
    ...group.members
      .filter((member) => member !== primary)
      .map((member) => faultOfReplica(state, member, primary)),
  ]);
  return faults.find((fault) => fault !== undefined);
}

async function faultOfListener(
  state: SandboxState,
  at: string,
  expected: string | undefined,
): Promise<string | undefined> {
  const rows = await tryQuery(state, at, "SELECT CONCAT(@@report_host, ':', @@report_port) AS server");
  if (typeof rows === 'string') return `${at} does not serve: ${rows}`;
  const server = String(rows[0]?.['server']);
  return expected === undefined || server === expected
    ? undefined
    : `${at} leads to ${server}, not to ${expected}`;
}

/** undefined when it replicates from `source`; else why not. */
export async function faultOfReplica(
  state: SandboxState,
  at: string,
  source: string,
): Promise<string | undefined> {
  const rows = await tryQuery(state, at, 'SHOW REPLICA STATUS');
  if (typeof rows === 'string') return `${at} does not answer: ${rows}`;
  const channel = rows.find((row) => `${row['Source_Host']}:${row['Source_Port']}` === source);
  const runs = channel?.['Replica_IO_Running'] === 'Yes' && channel['Replica_SQL_Running'] === 'Yes';
  return runs ? undefined : `${at} does not replicate from ${source}`;
}

/** Rows, or why there are none. */
async function tryQuery(state: SandboxState, at: string, sql: string): Promise<RowDataPacket[] | string> {
  try {
    const connection = await connectTo({ dir: state.dir, at, as: 'admin', connectTimeoutMs: 1000 });
    try {
      const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: 3000 });
      return rows;
    } finally {
      connection.destroy();
    }
  } catch (error) {
    return toDcmhaError(error).message;
  }
}
