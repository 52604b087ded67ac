import { columnType } from './values-kind.ts';

const NUMERIC: ReadonlySet<number> = new Set([
  columnType.tiny,
  columnType.short,
  columnType.int24,
  columnType.long,
  columnType.longlong,
  columnType.newdecimal,
  columnType.float,
  columnType.double,
]);

const CHARACTER: ReadonlySet<number> = new Set([
  columnType.string,
  columnType.varString,
  columnType.varchar,
  columnType.blob,
]);

/** What has a bit in SIGNEDNESS: `is_numeric_type`. */
export function isNumericColumn(type: number): boolean {
  return NUMERIC.has(type);
}

/** What has a collation in DEFAULT_CHARSET and COLUMN_CHARSET, BINARY and BLOB included: `is_character_type`. */
export function isCharacterColumn(type: number): boolean {
  return CHARACTER.has(type);
}

export function isEnumOrSetColumn(type: number): boolean {
  return type === columnType.enum || type === columnType.set;
}

/** Bytes of metadata that a column of this type has in a TABLE_MAP (`Field::save_field_metadata`); undefined: not a known type. */
export function metadataBytes(type: number): 0 | 1 | 2 | undefined {
  return METADATA_BYTES.get(type);
}

const METADATA_BYTES: ReadonlyMap<number, 0 | 1 | 2> = new Map<number, 0 | 1 | 2>([
  [columnType.tiny, 0],
  [columnType.short, 0],
  [columnType.long, 0],
  [columnType.int24, 0],
  [columnType.longlong, 0],
  [columnType.timestamp, 0],
  [columnType.date, 0],
  [columnType.newdate, 0],
  [columnType.time, 0],
  [columnType.datetime, 0],
  [columnType.year, 0],
  [columnType.float, 1],
  [columnType.double, 1],
  [columnType.timestamp2, 1],
  [columnType.datetime2, 1],
  [columnType.time2, 1],
  [columnType.tinyBlob, 1],
  [columnType.mediumBlob, 1],
  [columnType.longBlob, 1],
  [columnType.blob, 1],
  [columnType.json, 1],
  [columnType.geometry, 1],
  [columnType.vector, 1],
  [columnType.varchar, 2],
  [columnType.varString, 2],
  [columnType.bit, 2],
  [columnType.newdecimal, 2],
  [columnType.string, 2],
  [columnType.enum, 2],
  [columnType.set, 2],
]);
