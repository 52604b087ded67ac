import type { ServerStatus } from '../../ports/mysql.ts';
import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { Member } from '../model/group.ts';
import { outcomeAs, type FailoverPlan, type Plan } from '../plan/plan.ts';
import type { Step } from '../plan/steps.ts';
import { isRegional } from '../regional/channel.ts';
import { memberOf, type PerformContext } from './context.ts';

export type CatchUpStep = Extract<Step, { kind: 'catch-up' }>;

/** Its own, so that what the elected one has received before stays as it is. */
export const catchUpChannel = 'dcmha_catchup';

/** Of the step's time, so much is kept for removing the channel. */
const reservedMs = 3000;

/** What is known as the step begins. */
export interface Standing {
  readonly context: PerformContext;
  readonly step: CatchUpStep;
  readonly member: Member;
  /** Whose binlog it is. */
  readonly from: Member;
  /** What the elected one has executed, or received from its old source. */
  readonly held: GtidSet;
  /** What the old primary is known to have executed. */
  readonly known: GtidSet;
  readonly policy: FailoverPlan['inputs']['catchUp'];
  /** Of what is missing only this is fetched; undefined: all. */
  readonly only: GtidSet | undefined;
  /** By the monotonic clock, ms. */
  readonly deadline: number;
  /** It told after the fence what it has executed: nothing is unknown then. */
  readonly saidItself: boolean;
  /** An agent that proved the fence lives, so it is waited for when it does not answer. */
  readonly agentFenced: boolean;
}

/** `before`: the elected one's status as the step begins. */
export function standingOf(facts: {
  readonly step: CatchUpStep;
  readonly plan: Plan;
  readonly context: PerformContext;
  readonly before: ServerStatus;
  readonly stepDeadline: number;
}): Standing {
  const { step, plan, context, before, stepDeadline } = facts;
  const inputs: Partial<FailoverPlan['inputs']> = plan.kind === 'failover' ? plan.inputs : {};
  const fenced = outcomeAs(plan, 'fence', 'fenced');
  const known = parseGtidSet(inputs.watermark ?? '').union(parseGtidSet(fenced?.executed ?? ''));
  const policy = inputs.catchUp ?? 'always';
  const limits = { always: undefined, never: EMPTY_GTID_SET, 'acked-only': known };
  const now = context.clock.monotonic();
  return {
    context,
    step,
    member: memberOf(context, step.host),
    from: memberOf(context, step.from),
    held: heldBy(before),
    known,
    policy,
    only: limits[policy],
    deadline: Math.min(now + context.limits.catchUpMs, Math.max(now + 1, stepDeadline - reservedMs)),
    saidItself: fenced?.executed !== undefined,
    agentFenced: fenced?.evidence === 'read-only' || fenced?.evidence === 'process-gone',
  };
}

/** What was fetched by this step, or from another region, and is not applied does not count: such channels are removed. */
export function heldBy({ executed, channels }: ServerStatus): GtidSet {
  return channels
    .filter(({ name }) => name !== catchUpChannel && !isRegional(name))
    .reduce((set, { retrieved }) => set.union(parseGtidSet(retrieved)), parseGtidSet(executed));
}
