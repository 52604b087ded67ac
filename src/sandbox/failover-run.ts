import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../core/model/endpoint.ts';
import { DcmhaError } from '../core/model/errors.ts';
import { checkRows, type RowCheck } from './check-rows.ts';
import { readSecret } from './connect.ts';
import { killProcesses } from './control.ts';
import { cutNetwork } from './cut.ts';
import { findPrimary } from './primary.ts';
import { runDcmha } from './run-dcmha.ts';
import { spawnWriter, type WriterHandle } from './spawn-writer.ts';
import type { GroupSpec, SandboxState } from './state.ts';
import { type FailoverRecord, type Moment, newestFailover, timelineOf } from './timeline.ts';
import type { Outage, WriterProgress } from './writer.ts';

export interface FailoverRun {
  readonly from: string;
  readonly to: string;
  /** ms since 1970. */
  readonly killedAt: number;
  /** As the client saw it; undefined when it saw none. */
  readonly outage: Outage | undefined;
  readonly record: FailoverRecord;
  readonly timeline: readonly Moment[];
  /** The writer's rows on the new primary. */
  readonly rows: RowCheck;
}

export interface FailoverRunOptions {
  /** How long the writer writes before the kill, and again after it writes once more. */
  readonly writeMs: number;
  readonly everyMs: number;
  /** What happens to the primary: its mysqld gets SIGKILL unless told; `network`: its host is cut off, in an isolated sandbox. */
  readonly what?: 'mysqld' | 'host' | 'network' | undefined;
  readonly signal?: 'KILL' | 'STOP' | undefined;
  /** Told ten times a second. */
  readonly onProgress?: ((progress: WriterProgress) => void) | undefined;
  readonly onKill?: ((primary: string) => void) | undefined;
}

// A hang is told from a crash by time: longer than any of the program's own deadlines for it.
const TIMEOUT_MS = 60_000;

/** Kills the primary under a writer and tells what the client and the record say. */
export async function runFailover(
  state: SandboxState,
  group: GroupSpec,
  options: FailoverRunOptions,
): Promise<FailoverRun> {
  const from = await findPrimary(state, group);
  const at = group.listeners[0]?.write;
  if (from === undefined || at === undefined) {
    throw new DcmhaError('NOT_FOUND', `group ${group.name} has no primary or no router`);
  }
  await using writer = spawnWriter({
    at,
    user: 'app',
    password: await readSecret(state.dir, 'app'),
    everyMs: options.everyMs,
  });
  const killedAt = await killUnderLoad(state, { writer, primary: from, options });
  const record = await untilRecorded(state, group.name, killedAt);
  const report = await writer.stop();
  const to = await findPrimary(state, group);
  if (to === undefined)
    throw new DcmhaError('UNEXPECTED', `group ${group.name} has no primary after its failover`);
  return {
    from,
    to,
    killedAt,
    outage: report.outages.find((outage) => outage.to > killedAt),
    record,
    timeline: timelineOf(record, killedAt),
    rows: await checkRows(state.dir, to, report),
  };
}

async function killUnderLoad(
  state: SandboxState,
  { writer, primary, options }: { writer: WriterHandle; primary: string; options: FailoverRunOptions },
): Promise<number> {
  const { writeMs, onProgress } = options;
  await until(() => writer.progress().acknowledged > 0, 'the writer has no row acknowledged');
  for (let elapsed = 0; elapsed < writeMs; elapsed += 100) {
    onProgress?.(writer.progress());
    await pause(100);
  }
  const host = parseEndpoint(primary).host;
  const before = writer.progress().acknowledged;
  const killedAt = performance.timeOrigin + performance.now();
  const { what = 'mysqld', signal } = options;
  if (what === 'network') await cutNetwork(state, { host, direction: 'both', lossPercent: 100 });
  else await killProcesses(state, { what, host }, signal);
  options.onKill?.(primary);
  // What is in flight at the kill may still be told; rows well beyond it come from the new primary.
  await until(() => {
    onProgress?.(writer.progress());
    return writer.progress().acknowledged > before + 20;
  }, 'no row was acknowledged after the failover');
  for (let elapsed = 0; elapsed < writeMs; elapsed += 100) {
    onProgress?.(writer.progress());
    await pause(100);
  }
  return killedAt;
}

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new DcmhaError('TIMED_OUT', `${otherwise} within ${TIMEOUT_MS} ms`);
    await pause(100);
  }
}

// The record is written when the plan has ended, after the outage: replicas are repointed and routers confirm first.
async function untilRecorded(state: SandboxState, group: string, killedAt: number): Promise<FailoverRecord> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const json = await runDcmha(state, ['history', '--group', group, '--json']);
    const record = newestFailover(json);
    if (record !== undefined && record.startedAt > killedAt - 1000) return record;
    if (performance.now() > deadline) {
      throw new DcmhaError('TIMED_OUT', `no failover of ${group} is on record within ${TIMEOUT_MS} ms`);
    }
    await pause(200);
  }
}
