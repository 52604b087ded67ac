import { isRowOfDefaults, parseRows, rowChanges, type RowChange } from '../binlog/rows.ts';
import { TextBuffer } from '../binlog/text.ts';
import type { ReadEventBody } from './render.ts';
import { forwardChange, writeChange, writeCount, type ChangeWriter } from './sql-change.ts';
import { sqlTable, type LookUpTable } from './sql-table.ts';
import type { RowsEntry, Survey } from './survey-model.ts';
import { tableName } from './table-catalog.ts';

/** One row that a saved transaction changed, and how a server is asked for it. */
export interface SavedRow {
  readonly table: string;
  readonly kind: RowsEntry['kind'];
  /** The change itself, meeting the row only as it was. */
  readonly statement: string;
  /** Counts the row by all its values: as the transaction left it, or for a delete as it was before. */
  readonly exactly: string;
  /** Counts it by its key; the same as `exactly` in a table without one. */
  readonly byKey: string;
}

/** What a server holds of a saved row. */
export type RowState = 'same' | 'absent' | 'different';

/**
 * The rows of a saved transaction in its order. Columns must have names, from the log or from `lookUp`: throws nothing, but hands out no
 * row of a table without them.
 */
export async function* savedRows(
  survey: Survey,
  read: ReadEventBody,
  lookUp: LookUpTable,
): AsyncGenerator<SavedRow, void> {
  for (const entry of survey.rows) {
    const body = await read(survey, entry);
    const { schema, table: name } = entry.table.format.table;
    const table = sqlTable(entry.table, lookUp(schema, name));
    const rows = parseRows(entry, body, entry.format);
    if (!table.isNamed || isRowOfDefaults(rows)) continue;
    for (const change of rowChanges(rows, entry.table.format)) {
      const writer = { table, body };
      yield {
        table: tableName(entry.table),
        kind: entry.kind,
        statement: statementOf(change, writer),
        exactly: countOf(change, { ...writer, match: 'row' }),
        byKey: countOf(change, { ...writer, match: 'key' }),
      };
    }
  }
}

/** Asks for a row: `count` runs one of its statements. */
export async function rowState(row: SavedRow, count: (sql: string) => Promise<number>): Promise<RowState> {
  if ((await count(row.exactly)) > 0) return 'same';
  return (await count(row.byKey)) > 0 ? 'different' : 'absent';
}

function statementOf(change: RowChange, writer: Pick<ChangeWriter, 'table' | 'body'>): string {
  const out = new TextBuffer();
  writeChange({ ...writer, out, match: 'row' }, forwardChange(change));
  return out.toString().replace(/;\n$/, '');
}

function countOf({ before, after }: RowChange, writer: Omit<ChangeWriter, 'out'>): string {
  const out = new TextBuffer();
  const image = after ?? before;
  if (image !== undefined) writeCount({ ...writer, out }, image);
  return out.toString();
}
