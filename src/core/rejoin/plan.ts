import { z } from 'zod';
import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { cloneOutcomes, clonePolicy, cloneSteps } from './clone-plan.ts';
import { cutOutcomes, cutPlace, cutSteps } from './cut-plan.ts';

/** The number of the plan language that this program writes and understands. */
export const REJOIN_PROGRAM = 1;

const tableName = z.object({ schema: z.string(), table: z.string() });

/** A server that executed, or may have executed, what is being taken back; `uuid` is its server's, where it could be asked. */
const suspect = z.object({ id: z.string(), uuid: z.string().optional() });

/** What brings a server back that holds transactions which its primary lacks. Each is safe to perform twice. */
const stepSchema = z.discriminatedUnion('kind', [
  /** Copies the transactions out of the binlog, and judges whether they can be taken back. */
  z.object({ kind: z.literal('save') }),
  /** Takes back what `directory` holds, in one transaction that leaves a mark. */
  z.object({ kind: z.literal('roll-back'), directory: z.string() }),
  /** Asks the primary and every other member which of the errant transactions they have. */
  z.object({ kind: z.literal('ask'), gtids: z.string() }),
  /** Executes empty transactions of these names on the primary, so that nobody ever gives the names to others. */
  z.object({
    kind: z.literal('burn'),
    gtids: z.string(),
    primary: z.string(),
    epoch: z.number(),
    suspects: z.array(suspect),
  }),
  /** Makes the server's GTID set `kept`, from `own` or any part of it. */
  z.object({ kind: z.literal('reset'), own: z.string(), kept: z.string() }),
  /** Whatever primary is recorded by then. */
  z.object({ kind: z.literal('follow') }),
  /** Compares tables with the primary's at one GTID set. */
  z.object({ kind: z.literal('verify'), tables: z.array(tableName) }),
  ...cloneSteps,
  ...cutSteps,
]);
export type RejoinStep = z.infer<typeof stepSchema>;

const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('saved'),
    directory: z.string(),
    transactions: z.number(),
    rows: z.number(),
    sizeBytes: z.number(),
    /** Every table that taking back touches. */
    tables: z.array(tableName),
    /** Absent: all of it can be taken back. */
    obstacle: z.object({ at: z.string(), reason: z.string(), what: z.string() }).optional(),
  }),
  z.object({ kind: z.literal('rolled-back'), rows: z.number() }),
  z.object({
    kind: z.literal('asked'),
    primary: z.string(),
    epoch: z.number(),
    /** What is to be burnt: '' when nobody else has any of it, or the primary has it all. */
    burn: z.string(),
    /** The server itself, those that have some of it, and those that could not be asked. */
    suspects: z.array(suspect),
    /** For people. */
    detail: z.string(),
  }),
  z.object({ kind: z.literal('burnt'), transactions: z.number() }),
  /** Another primary is recorded meanwhile: it is asked anew. */
  z.object({ kind: z.literal('superseded') }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('verified'), executed: z.string() }),
  z.object({ kind: z.literal('differs'), table: tableName }),
  /** It cannot work, however often it is tried. */
  z.object({ kind: z.literal('failed'), code: z.string(), why: z.string() }),
  ...cloneOutcomes,
  ...cutOutcomes,
]);
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
    : { kind: 'stays-out', why: whyNotTakenBack(plan, saved) };
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
  if (last?.kind === 'differs') return { kind: 'stays-out', why: whyDifferent(plan, last.table, directory) };
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

type Saved = Extract<RejoinOutcome, { kind: 'saved' }>;

function whyNotTakenBack(plan: RejoinPlan, { obstacle, directory }: Saved): string {
  const { errant } = heldOf(plan);
  const count = parseGtidSet(errant).count().toString();
  const why = obstacle === undefined ? '' : `${obstacle.at}: ${obstacle.what} (${obstacle.reason})`;
  return (
    `${count} transactions that the primary lacks (${errant}) cannot be taken back, because of ${why}. They are saved in ` +
    `${directory}: see them there with \`dcmha rollback show\`, then ${remedyOf(plan)}`
  );
}

function whyDifferent(
  plan: RejoinPlan,
  { schema, table }: z.infer<typeof tableName>,
  directory: string,
): string {
  const how = outcomeOf(plan, 'cloned') === undefined ? 'taking back' : 'a CLONE';
  return (
    `after ${how}, ${schema}.${table} is not what the primary has; replication is stopped. What was taken back is saved in ${directory}; ` +
    remedyOf(plan)
  );
}

function remedyOf({ inputs }: RejoinPlan): string {
  const remedy = 're-provision this server from a healthy one';
  return inputs.clone === 'allowed'
    ? remedy
    : `${remedy}, or allow that its agent does: \`rejoin.clone: allowed\``;
}
