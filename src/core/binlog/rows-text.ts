import { corrupt } from './binlog-errors.ts';
import { readJsonDiffs, writeDiffValue, writeJsonDiffs } from './json-diff.ts';
import type { RowFormat } from './row-format.ts';
import {
  isBitSet,
  isRowOfDefaults,
  readImageHead,
  valueLength,
  type ColumnSet,
  type RowsEvent,
} from './rows.ts';
import type { TextBuffer } from './text.ts';
import { textWriter, type ValueWriter } from './values-text.ts';

/** Prints rows as `mysqlbinlog -v --base64-output=decode-rows` does; made once a table. */
export interface RowsPrinter {
  readonly format: RowFormat;
  /** Schema and table in backticks. */
  readonly name: Buffer;
  readonly writers: readonly ValueWriter[];
  /** `###   @1=` and so on. */
  readonly prefixes: readonly Buffer[];
}

export function rowsPrinter(format: RowFormat): RowsPrinter {
  const { schema, table } = format.table;
  return {
    format,
    name: Buffer.from(`${quoteIdentifier(schema)}.${quoteIdentifier(table)}`, 'utf8'),
    writers: format.kinds.map(textWriter),
    prefixes: format.kinds.map((_, i) => Buffer.from(`###   @${i + 1}=`, 'latin1')),
  };
}

export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

const empty = Buffer.alloc(0);
const commands = { insert: '### INSERT INTO ', update: '### UPDATE ', delete: '### DELETE FROM ' } as const;

/**
 * Writes all rows of an event. `flush` is called after each row, so that a caller can empty the buffer while a big event is printed.
 * @throws BINLOG_CORRUPT
 */
export function writeRowsText(
  out: TextBuffer,
  printer: RowsPrinter,
  rows: RowsEvent,
  flush?: (out: TextBuffer) => void,
): void {
  writeExtra(out, rows);
  if (isRowOfDefaults(rows)) {
    out.ascii(commands.insert).raw(printer.name).ascii(' VALUES ()\n');
    return;
  }
  const { before, after, body } = rows;
  for (let at = rows.rowsAt; at < body.length;) {
    const start = at;
    out.ascii(commands[rows.kind]).raw(printer.name).ascii('\n');
    if (before !== undefined)
      at = writeImage(out.ascii('### WHERE\n'), printer, { rows, columns: before, at });
    if (after !== undefined) at = writeImage(out.ascii('### SET\n'), printer, { rows, columns: after, at });
    if (at === start) throw corrupt('a row without columns is followed by more bytes');
    flush?.(out);
  }
}

interface ImagePlace {
  readonly rows: RowsEvent;
  readonly columns: ColumnSet;
  readonly at: number;
}

function writeImage(out: TextBuffer, printer: RowsPrinter, place: ImagePlace): number {
  const { rows, columns } = place;
  const { body } = rows;
  const { widths } = printer.format;
  const { present } = columns;
  const { partialAt, nullsAt } = readImageHead(rows, printer.format, columns, place.at);
  let at = nullsAt + ((present.length + 7) >> 3);
  for (let i = 0; i < present.length; i++) {
    const column = present[i] ?? 0;
    out.raw(printer.prefixes[column] ?? empty);
    if (isBitSet(body, nullsAt, i)) {
      out.ascii('NULL\n');
      continue;
    }
    const width = widths[column] ?? 0;
    const from = width > 0 ? at : at - width;
    at = width > 0 ? at + width : from + valueLength(body, at, -width);
    if (at > body.length) throw corrupt('a row is longer than its event');
    if (isPartial(printer.format, body, partialAt, column))
      writePartial(out, body.subarray(from, at), column);
    else printer.writers[column]?.(out, body, from, at);
    out.byte(0x0a);
  }
  if (at > body.length) throw corrupt('a row is longer than its event');
  return at;
}

/** Whether the value of a column in an after image holds changes only; `partialAt` is -1 where none does. */
export function isPartial(format: RowFormat, body: Buffer, partialAt: number, column: number): boolean {
  if (partialAt < 0) return false;
  const index = format.jsonColumns.indexOf(column);
  return index >= 0 && isBitSet(body, partialAt, index);
}

function writePartial(out: TextBuffer, bytes: Buffer, column: number): void {
  writeJsonDiffs(out, readJsonDiffs(bytes), {
    column: `@${column + 1}`,
    line: '\n###      ',
    path: (into, path) => void into.quoted(path, 0, path.length),
    value: writeDiffValue,
  });
}

/** Partition numbers (type 1) in front of the rows of a partitioned table; NDB's extra data is left out. */
function writeExtra(out: TextBuffer, rows: RowsEvent): void {
  const { extra } = rows;
  if (extra[0] !== 1 || extra.length < 3) return;
  out.ascii('### Extra row info for partitioning: ');
  const partition = extra.readUInt16LE(1);
  if (rows.kind !== 'update') out.ascii('partition: ').int(partition);
  else {
    const source = extra.length < 5 ? partition : extra.readUInt16LE(3);
    out.ascii('source_partition: ').int(source).ascii(' target_partition: ').int(partition);
  }
  out.ascii('\n');
}
