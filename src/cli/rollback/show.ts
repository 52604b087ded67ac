import { nameOf } from '../../core/salvage/invert.ts';
import { rowState, savedRows, type RowState } from '../../core/salvage/saved-rows.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import type { Reapplication } from '../../ports/rollback.ts';
import { describeTransaction, transactionLine } from '../binlog/describe.ts';
import { writeOut } from '../stdout.ts';
import type { OpenSet } from './saved.ts';

interface ShownRow {
  readonly table: string;
  readonly kind: string;
  readonly statement: string;
  /** What the primary holds of it. */
  readonly primary: RowState;
}

const shownCharacters = 160;

/** Prints each transaction, and for each of its rows what the primary holds. */
export async function showSet(open: OpenSet, primary: Reapplication, json: boolean): Promise<void> {
  const lookUp = await primary.tables();
  const rowsOf = async function* (survey: Survey): AsyncGenerator<ShownRow, void> {
    for await (const row of savedRows(survey, open.reader.read, lookUp)) {
      const { table, kind, statement } = row;
      yield { table, kind, statement, primary: await rowState(row, (sql) => primary.count(sql)) };
    }
  };
  await (json ? showAsJson(open, rowsOf) : showAsText(open, rowsOf));
}

type RowsOf = (survey: Survey) => AsyncGenerator<ShownRow, void>;

async function showAsText(open: OpenSet, rowsOf: RowsOf): Promise<void> {
  for (const survey of open.surveys) {
    await writeOut(`${transactionLine(describeTransaction(survey))}\n`);
    for await (const { primary, statement } of rowsOf(survey))
      await writeOut(`  ${primary.padEnd(9)}  ${shorten(statement)}\n`);
  }
}

async function showAsJson(open: OpenSet, rowsOf: RowsOf): Promise<void> {
  await writeOut('{"transactions":[');
  for (const [i, survey] of open.surveys.entries()) {
    const rows: ShownRow[] = [];
    for await (const row of rowsOf(survey)) rows.push(row);
    const document = { name: nameOf(survey), ...describeTransaction(survey), changes: rows };
    await writeOut(`${i === 0 ? '' : ','}\n  ${JSON.stringify(document)}`);
  }
  await writeOut('\n]}\n');
}

/** On one line: nothing of a row may steer the terminal. */
function shorten(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ');
  return plain.length > shownCharacters ? `${plain.slice(0, shownCharacters - 1)}…` : plain;
}
