import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { judgeErrant, type TableStanding } from '../../core/rejoin/judge.ts';
import { heldOf, undoneOf, type RejoinOutcome, type RejoinPlan } from '../../core/rejoin/plan.ts';
import { retellErrant, saveErrant } from '../../core/rejoin/save.ts';
import { surveyErrant, type ErrantSurvey } from '../../core/rejoin/survey-errant.ts';
import { touchedTables } from '../../core/salvage/invert.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { RejoinDeps } from './deps.ts';
import type { RejoinEffects } from './rejoin-effects.ts';

const sqlMs = 10_000;
/** The primary may have had no reason yet to make what commit probes write to. */
const ownSchema = 'dcmha';

export const placeOf = ({ group, host, startedAt: at }: RejoinPlan) => ({ group, host, at });

/** Copies what is errant, and judges whether it can be taken back. A copy that was made before mysqld was started gets the names of columns. */
export async function save(plan: RejoinPlan, effects: RejoinEffects): Promise<RejoinOutcome> {
  const { rejoin, server, signal } = effects;
  const { store, rollback, decompress } = rejoin;
  const errant = parseGtidSet(plan.inputs.errant);
  const options = { timeoutMs: sqlMs, signal };
  const standing = await rollback.standing(server, options);
  const place = placeOf(plan);
  const known = await store.find(place);
  const source = known === undefined ? effects.source() : store.open(known);
  const found = await surveyErrant(source, errant, decompress);
  const request = async () => {
    const tables = await rollback.tables(server, options);
    return { store, place, source, decompress, errant, found, standing, tables };
  };
  if (known !== undefined && plan.inputs.cut !== undefined) await retellErrant(known, await request());
  const set = known ?? (await saveErrant(await request()));
  const left = plan.inputs.cut === undefined ? found : await surveyLeft(source, plan, rejoin);
  const verdict = judgeErrant(left, standing);
  return {
    kind: 'saved',
    directory: set.directory,
    ...countsOf(found),
    tables: touchedTables(found.surveys)
      .map(({ format: { table } }) => ({ schema: table.schema, table: table.table }))
      .filter(({ schema }) => schema !== ownSchema),
    ...(verdict.kind === 'not-invertible' && { obstacle: { ...verdict.obstacle } }),
  };
}

/** What is to be taken back. */
export async function surveyLeft(
  source: BinlogSource,
  plan: RejoinPlan,
  { decompress }: RejoinDeps,
): Promise<ErrantSurvey> {
  return surveyErrant(source, parseGtidSet(heldOf(plan).errant), decompress, undoneOf(plan));
}

/** While mysqld is down: nobody can say what the columns are called, and whether all could be taken back is not asked yet. */
export async function saveTail(
  plan: RejoinPlan,
  source: BinlogSource,
  { store, decompress }: RejoinDeps,
): Promise<RejoinOutcome> {
  const place = placeOf(plan);
  const known = await store.find(place);
  if (known !== undefined) return { kind: 'tail-saved', directory: known.directory };
  const errant = parseGtidSet(plan.inputs.errant);
  const found = await surveyErrant(source, errant, decompress);
  const tables = () => undefined;
  const standing = asLogged(found);
  const set = await saveErrant({ store, place, source, decompress, errant, found, standing, tables });
  return { kind: 'tail-saved', directory: set.directory };
}

function asLogged({ surveys }: ErrantSurvey): TableStanding {
  const logged = touchedTables(surveys).map(({ format: { table } }) => table);
  return {
    engineWithout: () => undefined,
    facts: {
      table: (schema, name) => {
        const found = logged.find((one) => one.schema === schema && one.table === name);
        if (found === undefined) return undefined;
        return { columns: found.columns.length, hasKey: true, isCascadeParent: false };
      },
    },
  };
}

function countsOf({ surveys }: ErrantSurvey) {
  return {
    transactions: surveys.length,
    rows: surveys.reduce((sum, { rows }) => sum + rows.reduce((n, entry) => n + entry.rows, 0), 0),
    sizeBytes: surveys.reduce((sum, { transaction: { start, end } }) => sum + end - start, 0),
  };
}
