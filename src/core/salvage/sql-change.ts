import { readJsonDiffs, writeJsonDiffs } from '../binlog/json-diff.ts';
import { writeJsonLiteral } from '../binlog/json-sql.ts';
import { isBitSet, valueLength, type RowChange, type RowImage } from '../binlog/rows.ts';
import { isPartial } from '../binlog/rows-text.ts';
import type { TextBuffer } from '../binlog/text.ts';
import type { SqlColumn, SqlTable } from './sql-table.ts';

/** One row's change as SQL sees it: an insert has no `where`, a delete no `set`. */
export interface SqlChange {
  readonly where: RowImage | undefined;
  readonly set: RowImage | undefined;
}

export function forwardChange({ before, after }: RowChange): SqlChange {
  return { where: before, set: after };
}

/** What undoes it. */
export function inverseChange({ before, after }: RowChange): SqlChange {
  return { where: after, set: before };
}

export interface ChangeWriter {
  readonly out: TextBuffer;
  readonly table: SqlTable;
  readonly body: Buffer;
  /** `key`: rows are found by the primary key where it is known; `row`: by every column, so that a row that changed since is not met. */
  readonly match: 'key' | 'row';
}

/** Writes one statement with its semicolon and newline; as a comment where the names of the columns are not known. */
export function writeChange(writer: ChangeWriter, { where, set }: SqlChange): void {
  const { out, table } = writer;
  if (!table.isNamed) out.ascii('-- ');
  if (where === undefined) writeInsert(writer, set);
  else if (set === undefined) writeDelete(writer, where);
  else writeUpdate(writer, where, set);
  out.ascii(';\n');
}

/** Writes a statement that counts the rows which an image finds; without semicolon. */
export function writeCount(writer: ChangeWriter, image: RowImage): void {
  writer.out.ascii('SELECT COUNT(*) AS n FROM ').utf8(writer.table.name);
  writeWhere(writer, valuesOf(writer, image));
}

interface Value {
  readonly column: SqlColumn;
  readonly index: number;
  readonly isNull: boolean;
  /** The column holds changes of a JSON document, not a document. */
  readonly isPartial: boolean;
  readonly from: number;
  readonly to: number;
}

function valuesOf({ table, body }: ChangeWriter, image: RowImage): Value[] {
  const { format } = table.table;
  const values: Value[] = [];
  let at = image.valuesAt;
  image.columns.present.forEach((index, i) => {
    const column = table.columns[index];
    if (column === undefined) return;
    const isNull = isBitSet(body, image.nullsAt, i);
    const width = format.widths[index] ?? 0;
    const from = isNull || width > 0 ? at : at - width;
    if (!isNull) at = width > 0 ? at + width : from + valueLength(body, at, -width);
    values.push({
      column,
      index,
      isNull,
      isPartial: isPartial(format, body, image.partialAt, index),
      from,
      to: at,
    });
  });
  return values;
}

function writeInsert(writer: ChangeWriter, image: RowImage | undefined): void {
  const { out, table } = writer;
  const values = image === undefined ? [] : settable(valuesOf(writer, image));
  out.ascii('INSERT INTO ').utf8(table.name).ascii(' (');
  values.forEach(({ column }, i) => void out.ascii(i === 0 ? '' : ', ').utf8(column.name));
  out.ascii(') VALUES (');
  values.forEach((value, i) => {
    if (i > 0) out.ascii(', ');
    writeValue(writer, value);
  });
  out.ascii(')');
}

function writeDelete(writer: ChangeWriter, where: RowImage): void {
  writer.out.ascii('DELETE FROM ').utf8(writer.table.name);
  writeWhere(writer, valuesOf(writer, where));
}

/** Sets what differs; everything where nothing does, so that the statement stays one. */
function writeUpdate(writer: ChangeWriter, where: RowImage, set: RowImage): void {
  const { out, table, body } = writer;
  const found = valuesOf(writer, where);
  const values = settable(valuesOf(writer, set));
  const differing = values.filter((value) => !isSame(body, value, found));
  out.ascii('UPDATE ').utf8(table.name).ascii(' SET ');
  (differing.length > 0 ? differing : values).forEach((value, i) => {
    out
      .ascii(i === 0 ? '' : ', ')
      .utf8(value.column.name)
      .ascii(' = ');
    writeValue(writer, value);
  });
  writeWhere(writer, found);
}

function settable(values: readonly Value[]): readonly Value[] {
  return values.filter(({ column }) => !column.generated);
}

function isSame(body: Buffer, value: Value, others: readonly Value[]): boolean {
  const other = others.find(({ index }) => index === value.index);
  if (other === undefined || other.isPartial || value.isPartial || other.isNull !== value.isNull)
    return false;
  return value.isNull || body.compare(body, value.from, value.to, other.from, other.to) === 0;
}

function writeWhere(writer: ChangeWriter, values: readonly Value[]): void {
  const { out, table, match } = writer;
  const { key } = table;
  const byKey = values.filter(({ index }) => key?.includes(index) === true);
  const isKeyed = byKey.length === key?.length;
  const comparable = values.filter((value) => !value.isPartial && !value.column.generated);
  const used = isKeyed && match === 'key' ? byKey : comparable;
  out.ascii(' WHERE ');
  used.forEach((value, i) => {
    if (i > 0) out.ascii(' AND ');
    writeComparison(writer, value);
  });
  if (used.length === 0) out.ascii('TRUE');
  if (!isKeyed) out.ascii(' LIMIT 1');
}

function writeComparison(writer: ChangeWriter, value: Value): void {
  const { out, body } = writer;
  const { name, kind } = value.column;
  if (value.isNull) {
    out.utf8(name).ascii(' IS NULL');
    return;
  }
  // MySQL compares vectors with nothing but vectors.
  if (kind === 'vector') {
    out.ascii('HEX(').utf8(name).ascii(") = '").hex(body, value.from, value.to).ascii("'");
    return;
  }
  if (writer.match === 'row' && (kind === 'string' || kind === 'blob')) {
    writeBytes(writer, value);
    return;
  }
  out.utf8(name).ascii(' = ');
  writeValue(writer, value);
}

/** A collation takes 'A' for 'a', and 'a ' too: whether a row is as it was is a matter of bytes. */
function writeBytes(writer: ChangeWriter, value: Value): void {
  const { out, body, table } = writer;
  const { column, from, to, index } = value;
  const kind = table.table.format.kinds[index];
  const isPadded = kind?.kind === 'string' && kind.padTo !== undefined;
  if (isPadded || table.key?.includes(index) === true) {
    out.utf8(column.name).ascii(' = ');
    writeValue(writer, value);
    out.ascii(' AND ');
  }
  // The zeros that BINARY is padded with are not in the log.
  out
    .ascii('HEX(')
    .utf8(column.name)
    .ascii(isPadded ? ") LIKE '" : ") = '");
  out.hex(body, from, to).ascii(isPadded ? "%'" : "'");
}

function writeValue({ out, body }: ChangeWriter, value: Value): void {
  if (value.isNull) out.ascii('NULL');
  else if (value.isPartial) writePartial(out, body.subarray(value.from, value.to), value.column.name);
  else value.column.write(out, body, value.from, value.to);
}

function writePartial(out: TextBuffer, bytes: Buffer, column: string): void {
  writeJsonDiffs(out, readJsonDiffs(bytes), {
    column,
    line: ' ',
    path: (into, path) => void into.sqlString(path, 0, path.length),
    value: (into, document) => writeJsonLiteral(into, document, 0, document.length),
  });
}
