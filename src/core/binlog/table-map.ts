import { corrupt, unsupported } from './binlog-errors.ts';
import { metadataBytes } from './column-types.ts';
import { Cursor } from './cursor.ts';
import { EventType } from './event-types.ts';
import { postHeaderLength, type FormatDescription } from './format-description.ts';
import { parseTableMetadata, type TableMetadata } from './table-metadata.ts';
import { columnType } from './values-kind.ts';

/** What the row events of `tableId` until the end of the statement look like: `Table_map_event`. */
export interface TableMap {
  readonly tableId: number;
  readonly flags: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly TableMapColumn[];
  /** What the server logged about columns beyond their types; all of it with binlog_row_metadata=FULL. */
  readonly metadata: TableMetadata;
}

export interface TableMapColumn {
  /** ENUM and SET have their own types here, although the event says STRING and hides them in its metadata. */
  readonly type: number;
  /**
   * What the type needs to be read, the number that the server's `table_def` keeps: of two bytes the first is the high one for STRING, ENUM,
   * SET and NEWDECIMAL, the low one for VARCHAR and BIT. 0 where the type says all. `columnKind` knows what it means.
   */
  readonly meta: number;
  readonly nullable: boolean;
}

/** `body` is the event without header and checksum. Throws BINLOG_CORRUPT, or BINLOG_UNSUPPORTED for a column type not known. */
export function parseTableMap(body: Buffer, format: FormatDescription): TableMap {
  const cursor = new Cursor(body);
  const tableId = postHeaderLength(format, EventType.TableMap) === 6 ? cursor.u32() : cursor.u48();
  const flags = cursor.u16();
  const schema = name(cursor);
  const table = name(cursor);
  const types = cursor.lenencBytes();
  const meta = new Cursor(cursor.lenencBytes());
  const read = Array.from(types, (type) => readColumn(type, meta));
  if (meta.remaining > 0) throw corrupt(`${meta.remaining} bytes of column metadata left over`);
  const nullBits = cursor.take((types.length + 7) >> 3);
  const columns = read.map((column, i) => ({
    ...column,
    nullable: ((nullBits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0,
  }));
  const metadata = parseTableMetadata(cursor, columns);
  return { tableId, flags, schema, table, columns, metadata };
}

function name(cursor: Cursor): string {
  const text = cursor.lenencBytes().toString('utf8');
  cursor.skip(1); // a zero byte ends it as well
  return text;
}

interface TypeAndMeta {
  readonly type: number;
  readonly meta: number;
}

function readColumn(type: number, meta: Cursor): TypeAndMeta {
  switch (metadataBytes(type)) {
    case undefined:
      throw unsupported(`column type ${type}`, { columnType: type });
    case 0:
      return { type, meta: 0 };
    case 1:
      return { type, meta: meta.u8() };
    case 2:
      return readTwoBytes(type, meta);
  }
}

function readTwoBytes(type: number, meta: Cursor): TypeAndMeta {
  if (type === columnType.varchar || type === columnType.varString || type === columnType.bit) {
    return { type, meta: meta.u16() };
  }
  const high = meta.u8();
  const both = (high << 8) | meta.u8();
  const isHidden = type === columnType.string && (high === columnType.enum || high === columnType.set);
  return { type: isHidden ? high : type, meta: both };
}
