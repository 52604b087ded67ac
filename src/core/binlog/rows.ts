import { corrupt } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { EventType } from './event-types.ts';
import type { EventHeader } from './event.ts';
import { postHeaderLength, type FormatDescription } from './format-description.ts';
import type { RowFormat } from './row-format.ts';

/** A rows event without its header: `Rows_event` in mysql-server's rows_event.h. */
export interface RowsEvent {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly type: number;
  readonly tableId: number;
  readonly flags: number;
  /** What version 2 events add, as partition numbers; without its length. */
  readonly extra: Buffer;
  readonly width: number;
  /** Columns of the images of what was there; absent in an insert. */
  readonly before?: ColumnSet;
  /** Columns of the images of what is there now; absent in a delete. */
  readonly after?: ColumnSet;
  readonly body: Buffer;
  /** Where the rows begin in `body`. */
  readonly rowsAt: number;
}

/** The columns that an image holds. */
export interface ColumnSet {
  readonly bits: Buffer;
  /** Their numbers, ascending. */
  readonly present: Int32Array;
  /** Every column of the table is there. */
  readonly complete: boolean;
}

/** Flags of rows events: `Rows_event::enum_flag`. */
export const RowsFlag = {
  statementEnd: 0x1,
  noForeignKeyChecks: 0x2,
  relaxedUniqueChecks: 0x4,
  completeRows: 0x8,
  /** The server itself did the foreign keys' cascades in SQL, so that they are rows events, too (9.x). */
  cascadesLogged: 0x10,
} as const;

/** What a source writes when it had to end a statement without a table (`Table_id` of a dummy event). */
const dummyTableId = 0xffffff;

const kinds: ReadonlyMap<number, RowsEvent['kind']> = new Map([
  [EventType.WriteRowsV1, 'insert'],
  [EventType.UpdateRowsV1, 'update'],
  [EventType.DeleteRowsV1, 'delete'],
  [EventType.WriteRows, 'insert'],
  [EventType.UpdateRows, 'update'],
  [EventType.DeleteRows, 'delete'],
  [EventType.PartialUpdateRows, 'update'],
]);

/**
 * Reads what comes before the rows.
 * @throws BINLOG_CORRUPT
 */
export function parseRows(
  header: Pick<EventHeader, 'type'>,
  body: Buffer,
  format: FormatDescription,
): RowsEvent {
  const { type } = header;
  const kind = kinds.get(type);
  if (kind === undefined) throw corrupt(`event type ${type} has no rows`);
  const cursor = new Cursor(body);
  const post = postHeaderLength(format, type);
  const tableId = post === 6 ? cursor.u32() : cursor.u48();
  const flags = cursor.u16();
  const extra = type >= EventType.WriteRows ? readExtra(cursor) : Buffer.alloc(0);
  const width = cursor.lenenc();
  const first = readColumns(cursor, width);
  const second = kind === 'update' ? readColumns(cursor, width) : undefined;
  return {
    kind,
    type,
    tableId,
    flags,
    extra,
    width,
    ...(kind !== 'insert' && { before: first }),
    ...(kind !== 'delete' && { after: second ?? first }),
    body,
    rowsAt: cursor.position,
  };
}

/** True for an event that only ends a statement and belongs to no table. */
export function isDummyRows(rows: RowsEvent): boolean {
  return rows.tableId === dummyTableId;
}

function readExtra(cursor: Cursor): Buffer {
  const size = cursor.u16();
  if (size < 2) throw corrupt(`extra row data says it has ${size} bytes, 2 of which it takes itself`);
  return cursor.take(size - 2);
}

function readColumns(cursor: Cursor, width: number): ColumnSet {
  const bits = cursor.take(Math.ceil(width / 8));
  const present: number[] = [];
  for (let i = 0; i < width; i++) {
    if (isBitSet(bits, 0, i)) present.push(i);
  }
  return { bits, present: Int32Array.from(present), complete: present.length === width };
}

/** Bit `index` of the bitmap at `at`, lowest bit of each byte first. */
export function isBitSet(bytes: Buffer, at: number, index: number): boolean {
  return (((bytes[at + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
}

/** One row as it was or is. Offsets are those of the event's body. */
export interface RowImage {
  readonly columns: ColumnSet;
  readonly start: number;
  /** Bits of the JSON columns that hold changes only, one a JSON column of the table; -1 when all are whole. */
  readonly partialAt: number;
  /** Bits of the columns present that are NULL. */
  readonly nullsAt: number;
  readonly valuesAt: number;
  readonly end: number;
}

/** One change: `before` is absent for inserts, `after` for deletes. */
export interface RowChange {
  readonly before?: RowImage;
  readonly after?: RowImage;
}

/**
 * The changes of an event, one after the other, by their lengths only.
 * @throws BINLOG_CORRUPT when the rows do not fill the event exactly
 */
export function* rowChanges(rows: RowsEvent, format: RowFormat): Generator<RowChange, void> {
  checkWidth(rows, format);
  const { before, after, body } = rows;
  for (let at = rows.rowsAt; at < body.length;) {
    const start = at;
    const change: { before?: RowImage; after?: RowImage } = {};
    if (before !== undefined) {
      change.before = readImage(rows, format, before, at);
      at = change.before.end;
    }
    if (after !== undefined) {
      change.after = readImage(rows, format, after, at);
      at = change.after.end;
    }
    if (at === start) throw corrupt('a row without columns is followed by more bytes');
    yield change;
  }
}

/** How many rows the event changed. An insert of defaults only, under a minimal row image, has no bytes but is a row. */
export function countRows(rows: RowsEvent, format: RowFormat): number {
  if (isDummyRows(rows)) return 0;
  if (isRowOfDefaults(rows)) return 1;
  let count = 0;
  checkWidth(rows, format);
  const { before, after, body } = rows;
  for (let at = rows.rowsAt; at < body.length; count++) {
    const start = at;
    if (before !== undefined) at = imageEnd(format, before, body, at);
    if (after !== undefined)
      at = imageEnd(format, after, body, readImageHead(rows, format, after, at).nullsAt);
    if (at === start) throw corrupt('a row without columns is followed by more bytes');
  }
  return count;
}

export function isRowOfDefaults(rows: RowsEvent): boolean {
  return rows.kind === 'insert' && rows.rowsAt === rows.body.length && !isDummyRows(rows);
}

function checkWidth(rows: RowsEvent, format: RowFormat): void {
  if (rows.width === format.widths.length) return;
  const { schema, table } = format.table;
  throw corrupt(`rows of ${rows.width} columns for ${schema}.${table}, which has ${format.widths.length}`);
}

/** The image at `at`; `columns` says which of the event's two sets of columns it has. */
export function readImage(rows: RowsEvent, format: RowFormat, columns: ColumnSet, at: number): RowImage {
  const { partialAt, nullsAt } = readImageHead(rows, format, columns, at);
  const valuesAt = nullsAt + ((columns.present.length + 7) >> 3);
  const end = imageEnd(format, columns, rows.body, nullsAt);
  return { columns, start: at, partialAt, nullsAt, valuesAt, end };
}

interface ImageHead {
  readonly partialAt: number;
  readonly nullsAt: number;
}

/** What precedes the NULL bits: the after images of a partial update have `binlog_row_value_options` (1 = some JSON columns are partial). */
export function readImageHead(rows: RowsEvent, format: RowFormat, columns: ColumnSet, at: number): ImageHead {
  if (rows.type !== EventType.PartialUpdateRows || columns !== rows.after)
    return { partialAt: -1, nullsAt: at };
  const cursor = new Cursor(rows.body, at);
  const options = cursor.lenenc();
  if (options > 1) throw corrupt(`row value options ${options} are not known`);
  if (options === 0) return { partialAt: -1, nullsAt: cursor.position };
  const partialAt = cursor.position;
  cursor.skip((format.jsonColumns.length + 7) >> 3);
  return { partialAt, nullsAt: cursor.position };
}

/** Where the image that begins with the NULL bits at `nullsAt` ends. The hot loop of every walk over rows. */
function imageEnd({ widths }: RowFormat, { present }: ColumnSet, body: Buffer, nullsAt: number): number {
  const count = present.length;
  let at = nullsAt + ((count + 7) >> 3);
  for (let i = 0; i < count; i++) {
    if ((((body[nullsAt + (i >> 3)] ?? 0) >> (i & 7)) & 1) === 1) continue;
    const width = widths[present[i] ?? 0] ?? 0;
    at += width > 0 ? width : valueLength(body, at, -width) - width;
  }
  if (at > body.length) throw corrupt('a row is longer than its event');
  return at;
}

/** A little-endian length. Past the end it reads zeros: the caller's check of the end fails all the same. */
export function valueLength(body: Buffer, at: number, bytes: number): number {
  let length = body[at] ?? 0;
  if (bytes > 1) length |= (body[at + 1] ?? 0) << 8;
  if (bytes > 2) length |= (body[at + 2] ?? 0) << 16;
  if (bytes > 3) length += (body[at + 3] ?? 0) * 0x1000000;
  return length;
}
