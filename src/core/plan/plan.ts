import { z } from 'zod';
import { promoteSchema } from '../model/promote.ts';
import { approvalSchema } from '../store/approvals.ts';
import { quorumRules } from '../decide/quorum.ts';
import { JOURNAL_PROGRAM } from '../store/journal.ts';
import { trailSchema } from '../store/watermark.ts';
import type { Approval } from '../model/approval.ts';
import { switchoverTermsSchema } from './switchover-terms.ts';
import { entrySchema, type Entry, type Outcome, type OutcomeKind, type Step } from './steps.ts';

const planMember = z.object({
  id: z.string(),
  dc: z.string().optional(),
  priority: z.number(),
  promote: promoteSchema,
  from: z.string().optional(),
});
export type PlanMember = z.infer<typeof planMember>;

/** Where the new primary may be, and what going to another data centre may cost. */
const rulesSchema = z.object({
  allowedDcs: z.array(z.string()).readonly(),
  crossDc: z.enum(['allowed', 'needs-approval', 'never']),
  lowerVersion: z.enum(['never', 'allowed']),
  crossDcMaxLoss: z.number().optional(),
  crossDcMaxLossMs: z.number().optional(),
});
export type FailoverRules = z.infer<typeof rulesSchema>;

const common = {
  program: z.literal(JOURNAL_PROGRAM),
  id: z.string(),
  /** The process that runs it now. */
  by: z.string(),
  group: z.string(),
  startedAt: z.number(),
  /** The coordinator or operator that began it. */
  startedBy: z.string(),
  entries: z.array(entrySchema),
  /** Set by an operator: undo what can be undone, then end. */
  abandonedBy: z.string().optional(),
  /** An operator let it go on where a rule made it wait. */
  approval: approvalSchema.optional(),
};

export const failoverPlanSchema = z.object({
  ...common,
  kind: z.literal('failover'),
  inputs: z.object({
    cause: z.string(),
    /** When the trouble began as its agent says, ms since 1970. */
    since: z.number().optional(),
    /** What was seen, one line an observer. */
    seen: z.array(z.string()),
    automatic: z.boolean(),
    oldPrimary: z.string(),
    epoch: z.number(),
    members: z.array(planMember),
    /** Hosts that an operator works on: none of `members`. */
    leftAlone: z.array(z.string()).optional(),
    /** The operator's choice. */
    to: z.string().optional(),
    /** The highest executed set known of the old primary. */
    watermark: z.string(),
    /** Known lost transactions above this number block the plan. */
    maxLoss: z.number(),
    catchUp: z.enum(['always', 'never', 'acked-only']),
    /** How many replicas must have been asked, where nobody else tells what they may have; undefined: an operator's order. */
    quorum: z.enum(quorumRules).optional(),
    /** Every acknowledged transaction must be known before anybody is promoted (`semiSync.mode: required`). */
    durable: z.boolean().optional(),
    /** Read servers of the route before. */
    read: z.array(z.string()),
    /** Absent: everything is allowed. */
    rules: rulesSchema.optional(),
    /** MySQL of the old primary. */
    oldVersion: z.string().optional(),
    /** What the watermark's time and trail were. */
    watermarkAt: z.number().optional(),
    trail: trailSchema.optional(),
  }),
});
export type FailoverPlan = z.infer<typeof failoverPlanSchema>;

export const bootstrapPlanSchema = z.object({
  ...common,
  kind: z.literal('bootstrap'),
  inputs: z.object({
    members: z.array(planMember),
    to: z.string().optional(),
    epoch: z.number(),
    /** Absent: any data centre. */
    allowedDcs: z.array(z.string()).readonly().optional(),
  }),
});
export type BootstrapPlan = z.infer<typeof bootstrapPlanSchema>;

export const byHandPlanSchema = z.object({
  ...common,
  kind: z.literal('by-hand'),
  inputs: z.object({
    /** Who asked for it. */
    cause: z.string(),
    /** Whom the operator names. */
    host: z.string(),
    oldPrimary: z.string(),
    epoch: z.number(),
    /** The highest executed set known of the old primary. */
    watermark: z.string(),
    /** What was found amiss with the operator's work, and passed over. */
    skipped: z.array(z.string()),
    /** Whether the route follows. */
    reroute: z.boolean(),
    /** Read servers of the route before. */
    read: z.array(z.string()),
  }),
});
export type ByHandPlan = z.infer<typeof byHandPlanSchema>;

export const switchoverPlanSchema = z.object({
  ...common,
  kind: z.literal('switchover'),
  inputs: z.object({
    cause: z.string(),
    seen: z.array(z.string()),
    oldPrimary: z.string(),
    epoch: z.number(),
    members: z.array(planMember),
    to: z.string().optional(),
    /** Not to a member of this data centre. */
    awayFrom: z.string().optional(),
    read: z.array(z.string()),
    rules: rulesSchema.optional(),
    /** Commits wait for replicas (`semiSync.mode: required`). */
    durable: z.boolean().optional(),
    terms: switchoverTermsSchema,
  }),
});
export type SwitchoverPlan = z.infer<typeof switchoverPlanSchema>;

export const planSchema = z.discriminatedUnion('kind', [
  failoverPlanSchema,
  bootstrapPlanSchema,
  byHandPlanSchema,
  switchoverPlanSchema,
]);
export type Plan = z.infer<typeof planSchema>;

/** What a plan wants now. */
export type Next =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'blocked'; readonly reason: string; readonly why: string }
  | {
      readonly kind: 'finished';
      /** refused: nothing was changed. undone: everything is as it was. */
      readonly result: 'done' | 'abandoned' | 'refused' | 'undone';
      readonly why?: string;
      readonly primary?: string;
      readonly epoch?: number;
    };

/** This is wanted. */
export function step(it: Step): Next {
  return { kind: 'step', step: it };
}

/** Appends what a step brought. */
export function record<P extends Plan>(plan: P, entry: Entry): P {
  return { ...plan, entries: [...plan.entries, entry] };
}

/** The last outcome of a kind of step, or undefined when it was not performed. */
export function outcomeOf(plan: Plan, step: Step['kind']): Outcome | undefined {
  return plan.entries.findLast((entry) => entry.step.kind === step)?.outcome;
}

export function isDone(plan: Plan, step: Step['kind']): boolean {
  return outcomeOf(plan, step) !== undefined;
}

/** The last outcome of a step, if it is of this kind. */
export function outcomeAs<K extends OutcomeKind>(
  plan: Plan,
  step: Step['kind'],
  kind: K,
): Extract<Outcome, { kind: K }> | undefined {
  const outcome = outcomeOf(plan, step);
  return outcome?.kind === kind ? (outcome as Extract<Outcome, { kind: K }>) : undefined;
}

/** The failed step that blocks the plan, if its last entry is one. */
export function failure(plan: Plan): Next | undefined {
  const last = plan.entries.at(-1);
  if (last?.outcome.kind !== 'failed') return undefined;
  return { kind: 'blocked', reason: last.outcome.code, why: `${last.step.kind}: ${last.outcome.why}` };
}

/**
 * The plan as an operator's `task retry` wants it: while no new primary is recorded, everything from the freeze on is looked at
 * afresh; after that only the step that failed is done again.
 */
export function retried<P extends Plan>(plan: P): P {
  if (isDone(plan, 'record-primary') && outcomeAs(plan, 'record-primary', 'recorded') !== undefined) {
    return { ...plan, entries: plan.entries.filter(({ outcome }) => outcome.kind !== 'failed') };
  }
  const first = plan.entries.findIndex(({ step }) => step.kind === 'freeze');
  const kept = first < 0 ? plan.entries : plan.entries.slice(0, first);
  return { ...plan, entries: kept.filter(({ outcome }) => outcome.kind !== 'failed') };
}

/** Reasons of a blocked plan that an operator may pass over. */
export const approvable: ReadonlySet<string> = new Set(['needs-approval', 'would-lose-data']);

/** The plan as an operator's `task approve` wants it: everything is looked at afresh, and what was asked is allowed. */
export function approved<P extends Plan>(plan: P, approval: Approval): P {
  const lost = Math.max(approval.lost ?? 0, plan.approval?.lost ?? 0);
  return { ...retried(plan), approval: { ...approval, ...(lost === 0 ? {} : { lost }) } };
}

/** Without an approval that nobody acted upon in time. `now`: ms since 1970. */
export function withoutStaleApproval<P extends Plan>(plan: P, now: number): P {
  if (plan.approval === undefined || now < plan.approval.until) return plan;
  if (isDone(plan, 'freeze')) return plan;
  return { ...plan, approval: undefined };
}

/** The plan as an operator's `task abandon` wants it: undo what can be undone, then end. */
export function abandoned<P extends Plan>(plan: P, by: string): P {
  return {
    ...plan,
    abandonedBy: by,
    entries: plan.entries.filter(({ outcome }) => outcome.kind !== 'failed'),
  };
}
