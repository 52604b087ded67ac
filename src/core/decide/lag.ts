import { parseGtidSet } from '../gtid/gtid-set.ts';
import type { ChannelStatus } from '../../ports/mysql.ts';

/** What is kept between two looks at one replica. */
export interface LagMemory {
  /** The last moment at which nothing of the source was missing here, on the replica's clock, ms since 1970. */
  readonly currentAt: number | undefined;
}

export interface LagReading {
  /** How old what this replica shows is, in ms; undefined: nobody can tell. */
  readonly lagMs: number | undefined;
  readonly memory: LagMemory;
}

export const NO_LAG_MEMORY: LagMemory = { currentAt: undefined };

/** A receiver that heard nothing for so many of its source's heartbeats may have missed something. */
const heartbeatsMissed = 3;
const leastSilenceMs = 1500;

/**
 * How old the data of a replica is, from its applier's own times. An idle source is no lag: all that was received is applied, and its
 * heartbeats say that there is no more. What was committed at the source is of the source's clock: `aheadMs` is how far that is ahead of
 * the replica's, undefined when it was never measured; then only the replica's own times count.
 */
export function measureLag(
  channel: ChannelStatus,
  seen: { readonly executed: string; readonly aheadMs: number | undefined; readonly before: LagMemory },
): LagReading {
  const { progress } = channel;
  const { aheadMs, before } = seen;
  if (progress === undefined) return { lagMs: estimated(channel), memory: before };
  const here = (at: number | undefined): number | undefined =>
    at === undefined || aheadMs === undefined ? undefined : at - aheadMs;
  if (hasAll(channel, seen.executed) && hears(channel)) {
    const lagMs = onTheWay(progress, here(progress.committedAt));
    return { lagMs, memory: { currentAt: progress.now - lagMs } };
  }
  // The oldest one that is missing was committed no earlier than each of these.
  const since = [before.currentAt, here(progress.applyingSince ?? progress.committedAt)].filter(
    (at) => at !== undefined,
  );
  if (since.length === 0) return { lagMs: estimated(channel), memory: before };
  return { lagMs: Math.max(0, progress.now - Math.max(...since)), memory: before };
}

/** How long the newest transaction took to get here, unless the source has said since then that it has no more. */
function onTheWay(
  { appliedAt, heartbeatAt, now }: NonNullable<ChannelStatus['progress']>,
  committedAt: number | undefined,
): number {
  if (appliedAt === undefined || committedAt === undefined) return 0;
  if (heartbeatAt !== undefined && heartbeatAt > appliedAt) return 0;
  return Math.min(Math.max(0, appliedAt - committedAt), Math.max(0, now - committedAt));
}

/** The server's own estimate, in whole seconds, of the transaction being applied; it is no lag while the receiver is away. */
function estimated({ lagSeconds }: ChannelStatus): number | undefined {
  return lagSeconds === undefined ? undefined : lagSeconds * 1000;
}

function hasAll({ retrieved }: ChannelStatus, executed: string): boolean {
  return retrieved === '' || parseGtidSet(executed).contains(parseGtidSet(retrieved));
}

function hears({ receiver, lastHeardMs, progress }: ChannelStatus): boolean {
  const silenceMs = Math.max(leastSilenceMs, heartbeatsMissed * (progress?.heartbeatEveryMs ?? 0));
  return receiver === 'on' && (lastHeardMs ?? 0) <= silenceMs;
}

/** What is told of a lag, so that it is told seldom: each change is a write to ZooKeeper. */
export interface ToldLag {
  /** At least so many ms; 0: too little to speak of. */
  readonly lagMs: number;
  /** Since when it is less than that, by the monotonic clock, ms. */
  readonly lessSince: number | undefined;
}

export const NO_TOLD_LAG: ToldLag = { lagMs: 0, lessSince: undefined };

/** It falls only when it has been less for this long; it rises at once. */
const fallsAfterMs = 2000;

/** Below `returnMs` lag is none; `evictMs` is told apart from less. */
export interface LagLimits {
  readonly evictMs: number;
  readonly returnMs: number;
}

/** The steps are `returnMs`, each doubling of it, and `evictMs`. */
export function tellLag(
  lagMs: number,
  limits: LagLimits,
  { before, now }: { readonly before: ToldLag; readonly now: number },
): ToldLag {
  const step = stepOf(lagMs, limits);
  if (step >= before.lagMs) return { lagMs: step, lessSince: undefined };
  const lessSince = before.lessSince ?? now;
  return now - lessSince >= fallsAfterMs ? { lagMs: step, lessSince: undefined } : { ...before, lessSince };
}

function stepOf(lagMs: number, { evictMs, returnMs }: LagLimits): number {
  if (lagMs < returnMs) return 0;
  const doubled = returnMs * 2 ** Math.floor(Math.log2(lagMs / returnMs));
  return lagMs >= evictMs ? Math.max(doubled, evictMs) : doubled;
}
