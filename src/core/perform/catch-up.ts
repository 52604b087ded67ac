import type { ServerStatus } from '../../ports/mysql.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../gtid/gtid-set.ts';
import { toDcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import type { Plan } from '../plan/plan.ts';
import type { Outcome } from '../plan/steps.ts';
import { askForBinlog, stopBinlog, type BinlogAnswer, type Offered } from './binlog-offer.ts';
import { catchUpChannel, heldBy, standingOf, type CatchUpStep, type Standing } from './catch-up-standing.ts';
import { memberOf, type PerformContext } from './context.ts';
import { Laps } from './laps.ts';

const fewestWorkers = 4;
/** So few are applied sooner than a second applier has started. */
const fewTransactions = 8;
const mostWorkers = 16;
/** The channel's health is looked at this often while it fetches. */
const sliceMs = 500;

/**
 * The elected one fetches from the old primary's agent what only that binlog holds, over a channel of its own, and applies it.
 *
 * Policy `acked-only`: the binlog does not tell what semi-sync acknowledged, but the server shows a transaction as executed only once it
 * was (or once semi-sync had given up waiting and the client was told so). So what the watermark, or the fenced server, shows as executed
 * is fetched, and what is only in the binlog is left to the rollback of the old primary.
 *
 * Whatever goes wrong, the outcome names what is missing, and the channel is removed; the plan decides whether that may be lost.
 */
export async function catchUp(
  step: CatchUpStep,
  plan: Plan,
  context: PerformContext,
  stepDeadline: number,
): Promise<Outcome> {
  const laps = new Laps(context.clock);
  const before = await statusOf(memberOf(context, step.host), context);
  const standing = standingOf({ step, plan, context, before, stepDeadline });
  const offered = await askForBinlog(standing);
  laps.end('ask');
  let trouble = offered.kind === 'none' ? offered.why : undefined;
  if (offered.kind === 'offer' && offered.port !== 0) {
    if (isBroken(before)) await detach(standing, stepDeadline);
    trouble = await fetchTail(standing, offered, laps);
    stopBinlog(standing);
  }
  const wasSet = before.channels.some(({ name }) => name === catchUpChannel);
  const isTouched = wasSet || (offered.kind === 'offer' && offered.port !== 0);
  if (isTouched) await detach(standing, stepDeadline);
  const held = isTouched ? heldBy(await statusOf(standing.member, context)) : standing.held;
  laps.end('detach');
  const outcome = outcomeOf({ standing, answer: offered, trouble, held });
  context.log.info('catch-up ended', { group: context.group, outcome: outcome.kind, ...laps.fields() });
  return outcome;
}

/** A channel that stands, as after a crash of its server: what its relay log holds is fetched anew rather than trusted. */
function isBroken({ channels }: ServerStatus): boolean {
  const channel = channels.find(({ name }) => name === catchUpChannel);
  return channel !== undefined && (channel.receiver === 'off' || channel.applier === 'off');
}

function detach({ context, member }: Standing, stepDeadline: number): Promise<void> {
  const { mysql, clock, limits, signal } = context;
  const timeoutMs = Math.max(limits.gatherTimeoutMs, stepDeadline - clock.monotonic());
  return mysql.resetReplication(member.endpoint, catchUpChannel, { timeoutMs, signal });
}

/** Why not all of it arrived; undefined when it did. */
async function fetchTail(standing: Standing, offer: Offered, laps: Laps): Promise<string | undefined> {
  const { context, member, held, deadline } = standing;
  const { mysql, clock, signal } = context;
  const leftMs = (): number => deadline - clock.monotonic();
  try {
    // Channels do not wait for each other: what was received before must be applied first.
    const drained = await mysql.waitExecuted(member.endpoint, held.toCompactString(), {
      timeoutMs: Math.max(1, leftMs()),
      signal,
    });
    if (!drained) return 'the elected one had not applied what it received before';
    laps.end('drain');
    await attach(standing, offer);
    laps.end('attach');
    const wanted = wantedOf(standing, offer).toCompactString();
    while (leftMs() > 0) {
      signal.throwIfAborted();
      const timeoutMs = Math.min(sliceMs, leftMs());
      if (await mysql.waitExecuted(member.endpoint, wanted, { timeoutMs, signal })) return undefined;
      const broken = await mend(standing);
      if (broken !== undefined) return broken;
    }
    return `not all of it was applied within ${context.limits.catchUpMs} ms`;
  } catch (thrown) {
    signal.throwIfAborted();
    return toDcmhaError(thrown).message;
  } finally {
    laps.end('apply');
  }
}

function attach({ context, member, from }: Standing, { port, transactions }: Offered): Promise<void> {
  const source = { host: from.agent.host, port };
  const profile = { source, channel: catchUpChannel, workers: workersFor(transactions) };
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  return context.mysql.follow(member.endpoint, profile, options);
}

/**
 * How many appliers end soonest: the outage waits for the start of each (4 to 20 ms), and for the disk at each commit of as many transactions
 * as there are appliers, so the best number grows with the root of the transactions. 16 instead of 4 took 130 ms longer for 30 of them.
 */
export function workersFor(transactions: number): number {
  if (transactions <= fewTransactions) return 1;
  return Math.min(mostWorkers, Math.max(fewestWorkers, Math.ceil(Math.sqrt(transactions) / 2)));
}

/** An agent that was restarted has forgotten its offer: it is asked again. What the applier refuses stays refused. */
async function mend(standing: Standing): Promise<string | undefined> {
  const { channels } = await statusOf(standing.member, standing.context);
  const channel = channels.find(({ name }) => name === catchUpChannel);
  if (channel?.applierError !== undefined) return `the applier stopped: ${channel.applierError}`;
  if (channel?.receiver === 'on') return undefined;
  const again = await askForBinlog(standing);
  if (again.kind === 'none') return again.why;
  if (again.port !== 0) await attach(standing, again);
  return undefined;
}

function wantedOf({ only }: Standing, { missing }: Offered): GtidSet {
  return only === undefined ? missing : missing.intersect(only);
}

interface Result {
  readonly standing: Standing;
  readonly answer: BinlogAnswer;
  readonly trouble: string | undefined;
  /** What the elected one has now. */
  readonly held: GtidSet;
}

function outcomeOf({ standing, answer, trouble, held }: Result): Outcome {
  const executed = held.toCompactString();
  const told = answer.kind === 'offer' ? answer.missing : EMPTY_GTID_SET;
  const missing = standing.known.union(told).subtract(held);
  const left = standing.policy === 'acked-only' ? missing.subtract(standing.known) : EMPTY_GTID_SET;
  const lost = missing.subtract(left);
  if (!lost.isEmpty() || (answer.kind === 'none' && !standing.saidItself)) {
    const why =
      trouble ?? (standing.policy === 'never' ? 'the policy is never' : 'its binlog does not hold it');
    return { kind: 'not-caught-up', why, missing: lost.toCompactString(), executed };
  }
  const carried = told.intersect(held).count();
  const sizeBytes = answer.kind === 'offer' && carried > 0n ? answer.sizeBytes : 0;
  const outcome = { kind: 'caught-up', transactions: Number(carried), sizeBytes, executed } as const;
  return left.isEmpty() ? outcome : { ...outcome, left: left.toCompactString() };
}

function statusOf(member: Member, { mysql, limits, signal }: PerformContext): Promise<ServerStatus> {
  return mysql.status(member.endpoint, { timeoutMs: limits.gatherTimeoutMs, signal });
}
