import { gtidChunks } from '../../core/gtid/gtid-chunks.ts';
import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { Member, PrimaryRecord } from '../../core/model/group.ts';
import { heldBy } from '../../core/perform/catch-up-standing.ts';
import { decidedBy } from '../../core/rejoin/decided.ts';
import { judgeOthers, type OtherMember } from '../../core/rejoin/burn.ts';
import type { RejoinOutcome, RejoinPlan, RejoinStep } from '../../core/rejoin/plan.ts';
import { addBurnt } from '../../core/store/burnt.ts';
import { readRejoin } from '../../core/store/rejoin-plans.ts';
import { refused } from './refusal.ts';
import type { RejoinEffects } from './rejoin-effects.ts';

type Of<K extends RejoinStep['kind']> = Extract<RejoinStep, { kind: K }>;

const sqlMs = 10_000;
const burnMs = 60_000;
/** Between two looks at who the primary is. */
const chunkSize = 500;

/** Which of the errant transactions the others have, and whether that calls for burning their names. */
export async function ask(
  { gtids }: Of<'ask'>,
  plan: RejoinPlan,
  effects: RejoinEffects,
): Promise<RejoinOutcome> {
  const { deps, server, signal } = effects;
  const record = await effects.leave();
  const options = { timeoutMs: sqlMs, signal };
  const self = { id: plan.host, uuid: (await deps.mysql.status(server, options)).serverUuid };
  const theirs = await deps.mysql.status(memberOf(effects, record.id).endpoint, options);
  const lacking = parseGtidSet(gtids).subtract(decidedBy(theirs));
  const others = effects.members().filter(({ id }) => id !== plan.host && id !== record.id);
  const answers = await Promise.all(others.map((member) => askOne(member, effects)));
  const verdict = judgeOthers(lacking, self, answers);
  deps.log.info('who else has what is taken back', { plan: plan.id, found: verdict.detail });
  return {
    kind: 'asked',
    primary: record.id,
    epoch: record.epoch,
    ...verdict,
    suspects: verdict.suspects.map((suspect) => ({ ...suspect })),
  };
}

async function askOne({ id, endpoint }: Member, { deps, signal }: RejoinEffects): Promise<OtherMember> {
  try {
    const status = await deps.mysql.status(endpoint, { timeoutMs: sqlMs, signal });
    return { id, kind: 'answered', held: heldBy(status), uuid: status.serverUuid };
  } catch (thrown) {
    signal.throwIfAborted();
    const stored = await readRejoin(deps.coordination, id);
    const told = stored === undefined ? undefined : parseGtidSet(stored.plan.inputs.own);
    return { id, kind: 'silent', why: toDcmhaError(thrown).message, told };
  }
}

/** First whoever may hold the originals is put in question: from then on, GTID sets do not show any more that they differ. */
export async function burn(
  step: Of<'burn'>,
  plan: RejoinPlan,
  effects: RejoinEffects,
): Promise<RejoinOutcome> {
  const { deps, rejoin, signal } = effects;
  const primary = memberOf(effects, step.primary).endpoint;
  const gtids = parseGtidSet(step.gtids);
  const names = { group: plan.group, gtids: step.gtids, at: deps.clock.now() };
  for (const { id, uuid } of step.suspects) {
    await addBurnt(deps.coordination, id, uuid === undefined ? names : { ...names, uuid });
  }
  deps.log.warn('burning names of transactions on the primary', { plan: plan.id, gtids: step.gtids });
  for (const chunk of gtidChunks(gtids, chunkSize)) {
    if (!isStill(await effects.leave(), step)) return { kind: 'superseded' };
    await rejoin.rollback.burn(primary, chunk.toCompactString(), { timeoutMs: burnMs, signal });
  }
  // A fenced server takes empty transactions, too.
  return isStill(await effects.leave(), step)
    ? { kind: 'burnt', transactions: Number(gtids.count()) }
    : { kind: 'superseded' };
}

function isStill(record: PrimaryRecord, { primary, epoch }: Of<'burn'>): boolean {
  return record.id === primary && record.epoch === epoch;
}

function memberOf(effects: RejoinEffects, id: string): Member {
  const member = effects.members().find((one) => one.id === id);
  if (member !== undefined) return member;
  throw refused({ reason: 'no-primary', why: `the recorded primary ${id} is no member of the group` });
}
