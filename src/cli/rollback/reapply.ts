import { nameOf } from '../../core/salvage/invert.ts';
import { savedRows } from '../../core/salvage/saved-rows.ts';
import type { LookUpTable } from '../../core/salvage/sql-table.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import { tableName } from '../../core/salvage/table-catalog.ts';
import type { Reapplication, Refusal } from '../../ports/rollback.ts';
import { print } from '../output.ts';
import type { OpenSet } from './saved.ts';

interface Result {
  readonly transaction: string;
  readonly result: 'applied' | 'would be applied' | 'refused';
  readonly rows: number;
  readonly refusal?: Refusal;
}

export interface ReapplyRequest {
  /** False: everything is tried and undone. */
  readonly commit: boolean;
  readonly json: boolean;
}

/** Puts saved transactions on the primary, one transaction each; true when none was refused. */
export async function reapplySet(
  open: OpenSet,
  primary: Reapplication,
  { commit, json }: ReapplyRequest,
): Promise<boolean> {
  const lookUp = await primary.tables();
  const unsuitable = new Map(
    (await primary.unsuitable()).map(({ schema, table, why }) => [`${schema}.${table}`, why]),
  );
  const results: Result[] = [];
  for (const survey of open.surveys) {
    const transaction = nameOf(survey);
    const refusal = obstacleOf(survey, lookUp, unsuitable);
    if (refusal !== undefined) {
      results.push({ transaction, result: 'refused', rows: 0, refusal });
      continue;
    }
    const outcome = await primary.run(statementsOf(open, survey, lookUp), { commit });
    const result = outcome.refusal !== undefined ? 'refused' : commit ? 'applied' : 'would be applied';
    results.push({ transaction, result, ...outcome });
  }
  print(json, { committed: commit, transactions: results }, () => render(results, commit));
  return results.every(({ result }) => result !== 'refused');
}

async function* statementsOf(
  open: OpenSet,
  survey: Survey,
  lookUp: LookUpTable,
): AsyncGenerator<string, void> {
  for await (const { statement } of savedRows(survey, open.reader.read, lookUp)) yield statement;
}

/** What makes a transaction none for this command, whatever the rows are. */
function obstacleOf(
  survey: Survey,
  lookUp: LookUpTable,
  unsuitable: ReadonlyMap<string, string>,
): Refusal | undefined {
  const [statement] = survey.statements;
  if (statement !== undefined)
    return { statement: statement.text, why: 'it is no change of rows: run it by hand, if it is wanted' };
  for (const { table } of survey.rows) {
    const name = tableName(table);
    const { schema, table: plain, columns } = table.format.table;
    const why = obstacleOfTable(lookUp(schema, plain)?.columns.length, columns.length, unsuitable.get(name));
    if (why !== undefined) return { statement: name, why };
  }
  return undefined;
}

function obstacleOfTable(
  now: number | undefined,
  then: number,
  unsuitable: string | undefined,
): string | undefined {
  if (now === undefined) return 'the primary has no such table';
  return now === then ? unsuitable : `the primary's table has ${now} columns, the saved one ${then}`;
}

function render(results: readonly Result[], commit: boolean): string {
  const lines = results.map(({ transaction, result, rows, refusal }) =>
    refusal === undefined
      ? `${transaction}  ${result}, ${rows} rows`
      : `${transaction}  refused: ${refusal.why}\n    ${refusal.statement.replace(/\p{Cc}+/gu, ' ')}`,
  );
  if (!commit) lines.push('Nothing was changed. Say --yes to apply what would be applied.');
  return lines.join('\n');
}
