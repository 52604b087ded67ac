import { EMPTY_GTID_SET } from '../../core/gtid/gtid-set.ts';
import { judgeErrant } from '../../core/rejoin/judge.ts';
import type { RejoinOutcome, RejoinPlan, RejoinStep } from '../../core/rejoin/plan.ts';
import type { ErrantSurvey } from '../../core/rejoin/survey-errant.ts';
import { inverseFormat } from '../../core/salvage/inverse-events.ts';
import { invertTransactions } from '../../core/salvage/invert.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import { EventReader } from '../../core/salvage/read-places.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { clearBurnt, readBurnt } from '../../core/store/burnt.ts';
import type { TableName } from '../../ports/rollback.ts';
import type { SavedSet } from '../../ports/salvage.ts';
import { clone, prepareClone } from './clone.ts';
import { ask, burn } from './rejoin-burn.ts';
import { recover } from './rejoin-recover.ts';
import type { RejoinEffects } from './rejoin-effects.ts';
import { placeOf, save, saveTail, surveyLeft } from './rejoin-save.ts';

/** The longest that one statement may take: a row event of hundreds of megabytes, a checksum of a big table. */
const statementMs = 600_000;
const sqlMs = 10_000;

/** Does one step of a return, except following. Throws what may be different when it is tried again, and what cannot be. */
export function performRejoin(
  step: Exclude<RejoinStep, { kind: 'follow' }>,
  plan: RejoinPlan,
  effects: RejoinEffects,
): Promise<RejoinOutcome> {
  switch (step.kind) {
    case 'save-tail':
      return saveTail(plan, effects.source(), effects.rejoin);
    case 'cut':
      return Promise.resolve({ kind: 'not-cut', why: 'mysqld was started before' });
    case 'recover':
      return recover(plan, effects);
    case 'save':
      return save(plan, effects);
    case 'roll-back':
      return rollBack(plan, effects);
    case 'ask':
      return ask(step, plan, effects);
    case 'burn':
      return burn(step, plan, effects);
    case 'reset':
      return reset(step, plan, effects);
    case 'verify':
      return verify(step.tables, effects);
    case 'prepare-clone':
      return prepareClone(plan, effects);
    case 'clone':
      return clone(step, plan, effects);
  }
}

/** From the copies, so that it can be done again when the binlog is gone. */
async function rollBack(plan: RejoinPlan, effects: RejoinEffects): Promise<RejoinOutcome> {
  const { rejoin, server, signal, gate } = effects;
  const { store, rollback, decompress } = rejoin;
  const set = await savedSetOf(plan, effects);
  const options = { timeoutMs: statementMs, signal };
  if (await rollback.isMarked(server, plan.id, options)) return { kind: 'rolled-back', rows: 0 };
  const source = store.open(set);
  const isEmpty = (await source.list()).length === 0;
  // Beside each other: the server is asked while the files are read.
  const [standing, found] = await Promise.all([
    rollback.standing(server, options),
    isEmpty ? nothingFound : surveyLeft(source, plan, rejoin),
  ]);
  const verdict = judgeErrant(found, standing);
  if (verdict.kind === 'not-invertible') {
    const { at, what, reason } = verdict.obstacle;
    throw new DcmhaError('BINLOG_UNSUPPORTED', `${at} cannot be taken back: ${what} (${reason})`);
  }
  await using reader = new EventReader(source, decompress);
  const rows = await gate.whileReadOnly(
    () => rollback.lift(server, { timeoutMs: sqlMs, signal }),
    () =>
      rollback.takeBack(
        server,
        {
          id: plan.id,
          format: found.format === undefined ? undefined : inverseFormat(found.format),
          rollbackXa: verdict.rollbackXa,
          chunks: invertTransactions(verdict.undo, reader.read),
          largestBytes: largestEvent(verdict.undo),
        },
        options,
      ),
  );
  return { kind: 'rolled-back', rows };
}

function largestEvent(undo: readonly Survey[]): number {
  let largest = 0;
  for (const { rows } of undo) for (const { place } of rows) largest = Math.max(largest, place.size);
  return largest;
}

const nothingFound: ErrantSurvey = {
  surveys: [],
  files: [],
  format: undefined,
  missing: EMPTY_GTID_SET,
  behind: undefined,
};

async function savedSetOf(plan: RejoinPlan, { rejoin }: RejoinEffects): Promise<SavedSet> {
  const set = await rejoin.store.find(placeOf(plan));
  if (set !== undefined) return set;
  throw new DcmhaError('NOT_FOUND', 'the saved transactions are gone, so nothing is taken back', {
    details: { host: plan.host, startedAt: plan.startedAt },
  });
}

async function reset(
  step: Extract<RejoinStep, { kind: 'reset' }>,
  { host }: RejoinPlan,
  { deps, rejoin, server, signal }: RejoinEffects,
): Promise<RejoinOutcome> {
  const options = { timeoutMs: sqlMs, signal };
  const burnt = await readBurnt(deps.coordination, host);
  await deps.mysql.resetReplication(server, '', options);
  await rejoin.rollback.resetGtids(server, step, { timeoutMs: statementMs, signal });
  // Neither rows nor binlog of what was taken back are here any more; its names come from the primary, with what it has under them.
  if (burnt !== undefined) await clearBurnt(deps.coordination, host, burnt);
  return { kind: 'done' };
}

async function verify(
  tables: readonly TableName[],
  { deps, rejoin, server, primary, signal }: RejoinEffects,
): Promise<RejoinOutcome> {
  const options = { timeoutMs: statementMs, signal };
  const result = await rejoin.rollback.compare({ replica: server, primary }, tables, options);
  if (result.kind === 'same') return { kind: 'verified', executed: result.executed };
  await deps.mysql.resetReplication(server, '', { timeoutMs: sqlMs, signal });
  return { kind: 'differs', table: result.table };
}
