import { setTimeout as pause } from 'node:timers/promises';
import { DcmhaError } from '../core/model/errors.ts';
import { checkRows, type RowCheck } from './check-rows.ts';
import { type OutageOptions, underWriter } from './outage.ts';
import { findPrimary } from './primary.ts';
import { runDcmha } from './run-dcmha.ts';
import type { GroupSpec, SandboxState } from './state.ts';
import { type FailoverRecord, type Moment, newestFailover, timelineOf } from './timeline.ts';
import type { Outage } from './writer.ts';

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

const RECORD_TIMEOUT_MS = 60_000;

/** Kills the primary under a writer and tells what the client and the record say. */
export async function runFailover(
  state: SandboxState,
  group: GroupSpec,
  options: OutageOptions,
): Promise<FailoverRun> {
  const from = await findPrimary(state, group);
  const at = group.listeners[0]?.write;
  if (from === undefined || at === undefined) {
    throw new DcmhaError('NOT_FOUND', `group ${group.name} has no primary or no router`);
  }
  const { killedAt, record, report } = await underWriter({ state, at, primary: from }, options, (killed) =>
    untilRecorded(state, group.name, killed),
  );
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

// The record is written when the plan has ended, after the outage: replicas are repointed and routers confirm first.
async function untilRecorded(state: SandboxState, group: string, killedAt: number): Promise<FailoverRecord> {
  const deadline = performance.now() + RECORD_TIMEOUT_MS;
  for (;;) {
    const json = await runDcmha(state, ['history', '--group', group, '--json']);
    const record = newestFailover(json);
    if (record !== undefined && record.startedAt > killedAt - 1000) return record;
    if (performance.now() > deadline) {
      throw new DcmhaError(
        'TIMED_OUT',
        `no failover of ${group} is on record within ${RECORD_TIMEOUT_MS} ms`,
      );
    }
    await pause(200);
  }
}
