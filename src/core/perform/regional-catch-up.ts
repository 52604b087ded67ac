import { toDcmhaError } from '../model/errors.ts';
import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { outcomeAs, type Plan } from '../plan/plan.ts';
import type { Outcome } from '../plan/steps.ts';
import type { RegionalLink } from '../regional/link.ts';
import { readLinks } from '../store/additions.ts';
import { heldBy, type CatchUpStep } from './catch-up-standing.ts';
import { memberOf, type PerformContext } from './context.ts';
import { settleChannel, surveyLink, type ChannelContext } from './regional-channels.ts';

type CaughtUp = Extract<Outcome, { kind: 'caught-up' | 'not-caught-up' }>;

/**
 * What the elected one lacks still, after the old primary's binlog was read or could not be, other regions may have: what they sent
 * themselves, and what they received from the old primary before it died. It is fetched before writes open, or a client could write where
 * it belongs; what does not arrive in time comes over the same channel afterwards, and is not lost.
 */
export async function completeFromRegions(
  outcome: Outcome,
  step: CatchUpStep,
  {
    plan,
    context,
    stepDeadline,
  }: {
    readonly plan: Plan;
    readonly context: PerformContext;
    readonly stepDeadline: number;
  },
): Promise<Outcome> {
  const { regional, coordination, group, log } = context;
  if (regional === undefined || (outcome.kind !== 'caught-up' && outcome.kind !== 'not-caught-up'))
    return outcome;
  const lacking = lackingAfter(outcome, plan);
  if (lacking.isEmpty()) return outcome;
  try {
    const links = await readLinks(coordination, group);
    if (links.length === 0) return outcome;
    const there = await attach(links, lacking, step, { ...context, regional });
    if (there.isEmpty()) return outcome;
    await waitFor(there, step, context, stepDeadline);
    return await completed(outcome, there, step, context);
  } catch (thrown) {
    context.signal.throwIfAborted();
    log.warn('nothing was fetched from other regions', { group, error: toDcmhaError(thrown).message });
    return outcome;
  }
}

function lackingAfter(outcome: CaughtUp, plan: Plan): GtidSet {
  const watermark = plan.kind === 'failover' ? plan.inputs.watermark : '';
  return parseGtidSet(watermark)
    .union(parseGtidSet(outcomeAs(plan, 'fence', 'fenced')?.executed ?? ''))
    .union(parseGtidSet(outcome.kind === 'not-caught-up' ? outcome.missing : ''))
    .subtract(parseGtidSet(outcome.executed));
}

/** Sets the channels up of regions that have any of it; returns what they have. */
async function attach(
  links: readonly RegionalLink[],
  lacking: GtidSet,
  step: CatchUpStep,
  context: ChannelContext & Pick<PerformContext, 'group'>,
): Promise<GtidSet> {
  const receiver = memberOf(context, step.host);
  const parts = await Promise.all(
    links.map(async (link) => {
      const survey = await surveyLink(link, { receiver }, context);
      const held = parseGtidSet(survey.chosen?.executed ?? '').intersect(lacking);
      if (!held.isEmpty()) await settleChannel(link, survey, receiver, context);
      return held;
    }),
  );
  return parts.reduce((all, part) => all.union(part), EMPTY_GTID_SET);
}

async function waitFor(
  gtids: GtidSet,
  step: CatchUpStep,
  context: PerformContext,
  stepDeadline: number,
): Promise<void> {
  const { mysql, clock, limits, signal } = context;
  const leftMs = stepDeadline - clock.monotonic() - limits.gatherTimeoutMs;
  const timeoutMs = Math.min(limits.catchUpMs, leftMs);
  if (timeoutMs <= 0) return;
  const { endpoint } = memberOf(context, step.host);
  await mysql.waitExecuted(endpoint, gtids.toCompactString(), { timeoutMs, signal });
}

async function completed(
  outcome: CaughtUp,
  there: GtidSet,
  step: CatchUpStep,
  context: PerformContext,
): Promise<Outcome> {
  const { mysql, limits, signal, log, group } = context;
  const { endpoint } = memberOf(context, step.host);
  const held = heldBy(await mysql.status(endpoint, { timeoutMs: limits.gatherTimeoutMs, signal }));
  const coming = there.subtract(held);
  const fetched = there.intersect(held).count().toString();
  log.info('fetched from other regions', { group, transactions: fetched, coming: coming.toCompactString() });
  const more = {
    executed: held.toCompactString(),
    ...(coming.isEmpty() ? {} : { coming: coming.toCompactString() }),
  };
  if (outcome.kind === 'caught-up') return { ...outcome, ...more };
  const missing = parseGtidSet(outcome.missing).subtract(held).subtract(coming).toCompactString();
  const why = `${outcome.why}; ${fetched} transactions came from other regions`;
  return { ...outcome, ...more, why, missing };
}
