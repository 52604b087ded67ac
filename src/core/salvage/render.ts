import { parseQueryEvent } from '../binlog/query-event.ts';
import { isRowOfDefaults, parseRows, rowChanges } from '../binlog/rows.ts';
import { quoteIdentifier } from '../binlog/rows-text.ts';
import { TextBuffer } from '../binlog/text.ts';
import { nameOf } from './invert.ts';
import { forwardChange, inverseChange, writeChange } from './sql-change.ts';
import { sqlTable, type LookUpTable, type SqlTable } from './sql-table.ts';
import type { RowsEntry, StatementEntry, Survey } from './survey-model.ts';
import type { CatalogTable } from './table-catalog.ts';

/** What a session must be for the statements to mean what they say. */
export const sessionPreamble = `-- Rows as the log has them: triggers would change other rows a second time, so none may be there.
SET NAMES utf8mb4;
SET time_zone = '+00:00', foreign_key_checks = 0,
  sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';
`;

export interface RenderOptions {
  /** The transaction itself, or what undoes it: last row first. */
  readonly direction: 'forward' | 'inverse';
  readonly match?: 'key' | 'row';
  /** Names and signs of columns that the log does not have. */
  readonly lookUp?: LookUpTable;
}

/** Reads the body of a surveyed event again, such as `EventBodies` does. */
export type ReadEventBody = (survey: Survey, entry: RowsEntry | StatementEntry) => Promise<Buffer>;

/** Text comes in pieces of about this size. */
const pieceBytes = 256 * 1024;

/** Writes transactions as SQL that people can read and MySQL can run after `sessionPreamble`. */
export class SqlRenderer {
  readonly #options: RenderOptions;
  readonly #read: ReadEventBody;
  readonly #tables = new Map<CatalogTable, SqlTable>();

  constructor(read: ReadEventBody, options: RenderOptions) {
    this.#read = read;
    this.#options = options;
  }

  /**
   * The statements of one transaction between BEGIN and COMMIT. Holds one event and one piece of text at a time.
   * @throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED
   */
  async *render(survey: Survey): AsyncGenerator<Buffer, void> {
    const out = new TextBuffer(pieceBytes);
    writeTitle(out, survey, this.#options.direction);
    const entries = [...survey.rows, ...survey.statements].toSorted(byPlace);
    if (this.#options.direction === 'inverse') entries.reverse();
    const isTransaction = survey.rows.length > 0;
    if (isTransaction) out.ascii('BEGIN;\n');
    for (const entry of entries) {
      const body = await this.#read(survey, entry);
      if ('rows' in entry) yield* this.#renderRows(out, entry, body);
      else this.#renderStatement(out, body);
    }
    if (isTransaction) out.ascii('COMMIT;\n');
    yield out.take();
  }

  *#renderRows(out: TextBuffer, entry: RowsEntry, body: Buffer): Generator<Buffer, void> {
    const table = this.#tableOf(entry.table);
    const rows = parseRows(entry, body, entry.format);
    const writer = { out, table, body, match: this.#options.match ?? 'key' };
    const isInverse = this.#options.direction === 'inverse';
    if (isRowOfDefaults(rows)) {
      if (isInverse) out.ascii('-- cannot be taken back: ');
      out.ascii('INSERT INTO ').utf8(table.name).ascii(' () VALUES ();\n');
      return;
    }
    const changes = isInverse
      ? [...rowChanges(rows, entry.table.format)].reverse()
      : rowChanges(rows, entry.table.format);
    for (const change of changes) {
      writeChange(writer, isInverse ? inverseChange(change) : forwardChange(change));
      if (out.length >= pieceBytes) yield out.take();
    }
  }

  #renderStatement(out: TextBuffer, body: Buffer): void {
    const { schema, query } = parseQueryEvent(body);
    if (this.#options.direction === 'inverse') {
      out
        .ascii('-- cannot be taken back: ')
        .utf8(oneLine(query.toString('utf8')))
        .ascii('\n');
      return;
    }
    if (schema !== '') out.utf8(`USE ${quoteIdentifier(schema)};\n`);
    const isPlain = !query.includes(0x3b);
    out
      .ascii(isPlain ? '' : 'DELIMITER ;;\n')
      .raw(query)
      .ascii(isPlain ? ';\n' : '\n;;\nDELIMITER ;\n');
  }

  #tableOf(table: CatalogTable): SqlTable {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const { schema, table: name } = table.format.table;
    const made = sqlTable(table, this.#options.lookUp?.(schema, name));
    this.#tables.set(table, made);
    return made;
  }
}

function byPlace(one: RowsEntry | StatementEntry, other: RowsEntry | StatementEntry): number {
  return one.place.offset - other.place.offset || one.place.index - other.place.index;
}

function writeTitle(out: TextBuffer, survey: Survey, direction: RenderOptions['direction']): void {
  const { timestamp, file, start } = survey.transaction;
  const when = new Date(timestamp * 1000).toISOString().replace('.000Z', 'Z');
  const undoing = direction === 'inverse' ? 'undo of ' : '';
  out.utf8(`-- ${undoing}${oneLine(nameOf(survey))} of ${when}, ${oneLine(file)} at ${start}\n`);
  if (survey.xa !== undefined) out.utf8(`-- XA ${survey.xa.kind.toUpperCase()} ${oneLine(survey.xa.xid)}\n`);
  if (direction === 'forward' || survey.obstacle === undefined) return;
  out.utf8(`-- NOT INVERTIBLE (${survey.obstacle.reason}): ${oneLine(survey.obstacle.what)}\n`);
}

/** A comment ends with its line, so nothing in it may end the line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
