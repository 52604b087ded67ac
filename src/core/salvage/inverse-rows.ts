import { EventType } from '../binlog/event-types.ts';
import type { RowFormat } from '../binlog/row-format.ts';
import {
  isBitSet,
  RowsFlag,
  parseRows,
  rowChanges,
  valueLength,
  type RowChange,
  type RowImage,
  type RowsEvent,
} from '../binlog/rows.ts';
import { isPartial } from '../binlog/rows-text.ts';
import type { RowsEntry } from './survey-model.ts';

/** The rows of one event turned around: what an event that undoes them holds, last row first. */
export interface InverseRows {
  readonly entry: RowsEntry;
  readonly type: number;
  readonly flags: number;
  /** One or two bitmaps of columns, as they stand in the event: as many as a row has images. */
  readonly columns: readonly Buffer[];
  /** What `spans` point into. */
  readonly body: Buffer;
  /** Start and end of each image, in the order of the new event. */
  readonly spans: readonly number[];
}

const inverseTypes: ReadonlyMap<number, number> = new Map([
  [EventType.WriteRows, EventType.DeleteRows],
  [EventType.DeleteRows, EventType.WriteRows],
  [EventType.UpdateRows, EventType.UpdateRows],
  // The before images hold the whole documents, so what undoes a partial update is a plain one.
  [EventType.PartialUpdateRows, EventType.UpdateRows],
  [EventType.WriteRowsV1, EventType.DeleteRowsV1],
  [EventType.DeleteRowsV1, EventType.WriteRowsV1],
  [EventType.UpdateRowsV1, EventType.UpdateRowsV1],
]);

/**
 * Turns a rows event around. Foreign keys are not checked while rows go back, because children and parents come in the wrong order then.
 * @throws BINLOG_CORRUPT
 */
export function invertRows(entry: RowsEntry, body: Buffer): InverseRows {
  const { format } = entry.table;
  const rows = parseRows(entry, body, entry.format);
  const dropped = partialColumns(rows, format);
  const after = rows.after === undefined ? [] : [withoutBits(rows.after.bits, dropped)];
  const changes = [...rowChanges(rows, format)].reverse();
  return {
    entry,
    type: inverseTypes.get(rows.type) ?? rows.type,
    flags: (rows.flags & ~RowsFlag.statementEnd) | RowsFlag.noForeignKeyChecks,
    columns: rows.before === undefined ? after : [...after, rows.before.bits],
    ...(dropped.size === 0
      ? spansOf(body, changes)
      : rebuild(body, changes, (image) => withoutColumns(body, format, image, dropped))),
  };
}

type Images = Pick<InverseRows, 'body' | 'spans'>;

/** After images first: they are what the rows are found by. The options in front of those of a partial update are left out. */
function spansOf(body: Buffer, changes: readonly RowChange[]): Images {
  const spans: number[] = [];
  for (const { before, after } of changes) {
    if (after !== undefined) spans.push(after.nullsAt, after.end);
    if (before !== undefined) spans.push(before.nullsAt, before.end);
  }
  return { body, spans };
}

function rebuild(body: Buffer, changes: readonly RowChange[], strip: (image: RowImage) => Buffer): Images {
  const parts = changes.flatMap(({ before, after }) => [
    ...(after === undefined ? [] : [strip(after)]),
    ...(before === undefined ? [] : [body.subarray(before.nullsAt, before.end)]),
  ]);
  const spans: number[] = [];
  let at = 0;
  for (const part of parts) {
    spans.push(at, at + part.length);
    at += part.length;
  }
  return { body: Buffer.concat(parts), spans };
}

/** JSON columns of which the event has changes only in some row: they cannot be part of what its rows are found by. */
function partialColumns(rows: RowsEvent, format: RowFormat): ReadonlySet<number> {
  const columns = new Set<number>();
  if (rows.type !== EventType.PartialUpdateRows) return columns;
  for (const { after } of rowChanges(rows, format)) {
    if (after === undefined) continue;
    for (const column of format.jsonColumns) {
      if (isPartial(format, rows.body, after.partialAt, column)) columns.add(column);
    }
  }
  return columns;
}

function withoutBits(bits: Buffer, dropped: ReadonlySet<number>): Buffer {
  if (dropped.size === 0) return bits;
  const kept = Buffer.from(bits);
  for (const column of dropped) kept[column >> 3] = (kept[column >> 3] ?? 0) & ~(1 << (column & 7));
  return kept;
}

/** The image without the options in front of it and without the columns dropped: NULL bits for the rest, then their values. */
function withoutColumns(
  body: Buffer,
  format: RowFormat,
  image: RowImage,
  dropped: ReadonlySet<number>,
): Buffer {
  const { present } = image.columns;
  const nulls = Buffer.alloc((present.length - dropped.size + 7) >> 3);
  const parts: Buffer[] = [nulls];
  let at = image.valuesAt;
  let kept = 0;
  present.forEach((column, i) => {
    const start = at;
    const isNull = isBitSet(body, image.nullsAt, i);
    if (!isNull) at += sizeAt(body, at, format.widths[column] ?? 0);
    if (dropped.has(column)) return;
    if (isNull) nulls[kept >> 3] = (nulls[kept >> 3] ?? 0) | (1 << (kept & 7));
    else parts.push(body.subarray(start, at));
    kept++;
  });
  return Buffer.concat(parts);
}

function sizeAt(body: Buffer, at: number, width: number): number {
  return width > 0 ? width : valueLength(body, at, -width) - width;
}
