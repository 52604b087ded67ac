import { z } from 'zod';
import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { cloneOutcomes, clonePolicy, cloneSteps } from './clone-plan.ts';
import { cutOutcomes, cutPlace, cutSteps } from './cut-plan.ts';
import { takeBackOutcomes, takeBackSteps, type Saved } from './take-back-plan.ts';
import { whyDifferent, whyNotTakenBack } from './why-it-stays-out.ts';

/** The number of the plan language that this program writes and understands. */
export const REJOIN_PROGRAM = 1;

/** What brings a server back that holds transactions which its primary lacks. Each is safe to perform twice. */
const stepSchema = z.discriminatedUnion('kind', [...takeBackSteps, ...cloneSteps, ...cutSteps]);
export type RejoinStep = z.infer<typeof stepSchema>;

const outcomeSchema = z.discriminatedUnion('kind', [...takeBackOutcomes, ...cloneOutcomes, ...cutOutcomes]);
export type RejoinOutcome = z.infer<typeof outcomeSchema>;

const entrySchema = z.object({
  step: stepSchema,
  outcome: outcomeSchema,
  /** When the step began, ms since 1970, and how long it took. */
  at: z.number(),
  tookMs: z.number(),
});
export type RejoinEntry = z.infer<typeof entrySchema>;

export const rejoinPlanSchema = z.object({
  program: z.literal(REJOIN_PROGRAM),
  id: z.string().min(1),
  group: z.string(),
  /** Id of the server that comes back. */
  host: z.string(),
  /** ms since 1970; also what its directory of saved transactions is named by. */
  startedAt: z.number(),
  inputs: z.object({
    /** Id and epoch of the primary it was compared with. */
    primary: z.string(),
    epoch: z.number(),
    /** All that the server had executed, and what of it the primary lacks. */
    own: z.string(),
    errant: z.string(),
    /** Absent: never. */
    clone: clonePolicy.optional(),
    /** It began before mysqld was started: what is said of the server here is what its binlog says. */
    cut: cutPlace.optional(),
  }),
  entries: z.array(entrySchema),
  /** Why it stays out; absent while the plan goes on. */
  ended: z.string().optional(),
});
export type RejoinPlan = z.infer<typeof rejoinPlanSchema>;

export type RejoinNext =
  | { readonly kind: 'step'; readonly step: RejoinStep }
  | { readonly kind: 'finished' }
  | { readonly kind: 'stays-out'; readonly why: string };

/** What the plan wants now: a function of its history alone, so that whoever resumes it chooses the same. */
export function nextOfRejoin(plan: RejoinPlan): RejoinNext {
  if (plan.ended !== undefined) return { kind: 'stays-out', why: plan.ended };
  for (let count = 0; count <= plan.entries.length; count += 1) {
    const next = nextWithoutClone({ ...plan, entries: plan.entries.slice(0, count) });
    if (next.kind === 'stays-out') return nextOfClone(plan, plan.entries.slice(count), next.why);
  }
  return nextWithoutClone(plan);
}

/** Takes back what can be taken back; where that ends, only a CLONE helps. */
function nextWithoutClone(plan: RejoinPlan): RejoinNext {
  const last = plan.entries.at(-1)?.outcome;
  if (last?.kind === 'failed') return { kind: 'stays-out', why: last.why };
  const saved = outcomeOf(plan, 'saved');
  if (saved === undefined) return towardsStart(plan) ?? step({ kind: 'save' });
  return saved.obstacle === undefined
    ? afterSaving(plan, saved)
    : {
        kind: 'stays-out',
        why: whyNotTakenBack(saved, { errant: heldOf(plan).errant, clone: plan.inputs.clone }),
      };
}

/** The end of the binlog is cut off before mysqld is started; what that did shows afterwards. */
function towardsStart(plan: RejoinPlan): RejoinNext | undefined {
  if (plan.inputs.cut === undefined || outcomeOf(plan, 'recovered') !== undefined) return undefined;
  if (outcomeOf(plan, 'tail-saved') === undefined) return step({ kind: 'save-tail' });
  const isOver = plan.entries.some((entry) => entry.step.kind === 'cut');
  return step(isOver ? { kind: 'recover' } : { kind: 'cut', ...plan.inputs.cut });
}

function afterSaving(plan: RejoinPlan, saved: Saved): RejoinNext {
  if (isDone(plan, 'follow')) return towardsEnd(plan);
  const { own, errant } = heldOf(plan);
  if (errant !== '' && outcomeOf(plan, 'rolled-back') === undefined)
    return step({ kind: 'roll-back', directory: saved.directory });
  const isReset = errant === '' || isDone(plan, 'reset');
  const next = isReset ? step({ kind: 'follow' }) : step({ kind: 'reset', own, kept: keptOf(plan) });
  return towardsBurn(plan) ?? next;
}

/** `entries` are those since it was found that taking back does not do, for which `why` stands. */
function nextOfClone(plan: RejoinPlan, entries: readonly RejoinEntry[], why: string): RejoinNext {
  if (entries.length === 0 && plan.inputs.clone !== 'allowed') return { kind: 'stays-out', why };
  const last = entries.at(-1)?.outcome;
  if (last?.kind === 'failed') return { kind: 'stays-out', why: `${why}. CLONE does not help: ${last.why}` };
  const prepared = outcomeOf(plan, 'prepared');
  if (prepared === undefined) return towardsBurn(plan) ?? step({ kind: 'prepare-clone' });
  if (outcomeOf(plan, 'cloned') === undefined) return step({ kind: 'clone', before: prepared.before });
  const hasFollowed = entries.some((entry) => entry.step.kind === 'follow');
  return hasFollowed ? towardsEnd(plan) : step({ kind: 'follow' });
}

/** It replicates again, and is compared. */
function towardsEnd(plan: RejoinPlan): RejoinNext {
  const last = plan.entries.at(-1)?.outcome;
  const { tables = [], directory = '' } = outcomeOf(plan, 'saved') ?? {};
  if (last?.kind === 'differs') {
    const isCloned = outcomeOf(plan, 'cloned') !== undefined;
    return {
      kind: 'stays-out',
      why: whyDifferent(last.table, { directory, isCloned, clone: plan.inputs.clone }),
    };
  }
  return last?.kind === 'verified' ? { kind: 'finished' } : step({ kind: 'verify', tables: [...tables] });
}

/** The numbers of the errant transactions are free again once they are gone here, so they are burnt first where anybody else may have them. */
function towardsBurn(plan: RejoinPlan): RejoinNext | undefined {
  const asked = outcomeOf(plan, 'asked');
  const last = plan.entries.at(-1)?.outcome;
  if (asked === undefined || last?.kind === 'superseded')
    return step({ kind: 'ask', gtids: plan.inputs.errant });
  if (last === asked && asked.burn !== '') {
    const { burn: gtids, primary, epoch, suspects } = asked;
    return step({ kind: 'burn', gtids, primary, epoch, suspects: [...suspects] });
  }
  return undefined;
}

export function recordRejoin(plan: RejoinPlan, entry: RejoinEntry): RejoinPlan {
  return { ...plan, entries: [...plan.entries, entry] };
}

/** What the server has executed when it is up, and what of it is taken back: a cut may have left less than there was. */
export function heldOf(plan: RejoinPlan): { readonly own: string; readonly errant: string } {
  return outcomeOf(plan, 'recovered') ?? plan.inputs;
}

/** As it was before the server was asked what recovery had left: what only the plan knows to be errant is not forgotten. */
export function beforeRecovery(plan: RejoinPlan): RejoinPlan {
  const at = plan.entries.findIndex(({ outcome }) => outcome.kind === 'recovered');
  return at < 0 ? plan : { ...plan, entries: plan.entries.slice(0, at) };
}

/** What the server keeps of its executed set. */
export function keptOf(plan: RejoinPlan): string {
  const { own, errant } = heldOf(plan);
  return parseGtidSet(own).subtract(parseGtidSet(errant)).toCompactString();
}

/** What recovery has taken back already: none of it is in the way of what else is taken back. */
export function undoneOf(plan: RejoinPlan): GtidSet {
  return parseGtidSet(plan.inputs.errant).subtract(parseGtidSet(heldOf(plan).errant));
}

export function outcomeOf<K extends RejoinOutcome['kind']>(
  plan: RejoinPlan,
  kind: K,
): Extract<RejoinOutcome, { kind: K }> | undefined {
  return plan.entries
    .map(({ outcome }) => outcome)
    .findLast((outcome): outcome is Extract<RejoinOutcome, { kind: K }> => outcome.kind === kind);
}

/** It ended because nobody could be cloned from just then; another server may do, or this one's repair. */
export function waitsForDonor({ entries, inputs }: RejoinPlan): boolean {
  const last = entries.at(-1);
  return inputs.clone === 'allowed' && last?.step.kind === 'prepare-clone' && last.outcome.kind === 'failed';
}

/** Whether the server's data is not any more what its GTID set says, or may be gone at any moment. */
export function hasNoWayBack(plan: RejoinPlan): boolean {
  return outcomeOf(plan, 'rolled-back') !== undefined || outcomeOf(plan, 'prepared') !== undefined;
}

function isDone(plan: RejoinPlan, kind: RejoinStep['kind']): boolean {
  return plan.entries.some((entry) => entry.step.kind === kind && entry.outcome.kind === 'done');
}

function step(wanted: RejoinStep): RejoinNext {
  return { kind: 'step', step: wanted };
}
