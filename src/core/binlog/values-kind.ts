import { unsupported } from './binlog-errors.ts';

/** Column types as TABLE_MAP numbers them (mysql-server: field_types.h). */
export const columnType = {
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  timestamp: 7,
  longlong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newdate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  vector: 242,
  json: 245,
  newdecimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

/** What a column's bytes mean. Each kind is either of a fixed size or has a little-endian length in front: see `columnWidth`. */
export type ColumnKind =
  | { readonly kind: 'int'; readonly bytes: 1 | 2 | 3 | 4 | 8 }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'float' | 'double' | 'year' | 'date' | 'time' | 'datetime' | 'timestamp' }
  | { readonly kind: 'time2' | 'datetime2' | 'timestamp2'; readonly fsp: number }
  | { readonly kind: 'bit'; readonly bits: number }
  | { readonly kind: 'enum' | 'set'; readonly bytes: number }
  | {
      readonly kind: 'string';
      readonly lengthBytes: number;
      /** Of CHAR and BINARY, whose padding is not logged. */ readonly padTo?: number;
    }
  | { readonly kind: 'blob'; readonly lengthBytes: number }
  | { readonly kind: 'json' | 'geometry' | 'vector'; readonly lengthBytes: number };

type Reader = (meta: number) => ColumnKind | undefined;

const readers: Readonly<Record<number, Reader>> = {
  [columnType.tiny]: () => ({ kind: 'int', bytes: 1 }),
  [columnType.short]: () => ({ kind: 'int', bytes: 2 }),
  [columnType.int24]: () => ({ kind: 'int', bytes: 3 }),
  [columnType.long]: () => ({ kind: 'int', bytes: 4 }),
  [columnType.longlong]: () => ({ kind: 'int', bytes: 8 }),
  [columnType.float]: () => ({ kind: 'float' }),
  [columnType.double]: () => ({ kind: 'double' }),
  [columnType.year]: () => ({ kind: 'year' }),
  [columnType.date]: () => ({ kind: 'date' }),
  [columnType.newdate]: () => ({ kind: 'date' }),
  [columnType.time]: () => ({ kind: 'time' }),
  [columnType.datetime]: () => ({ kind: 'datetime' }),
  [columnType.timestamp]: () => ({ kind: 'timestamp' }),
  [columnType.time2]: (meta) => withFsp('time2', meta),
  [columnType.datetime2]: (meta) => withFsp('datetime2', meta),
  [columnType.timestamp2]: (meta) => withFsp('timestamp2', meta),
  [columnType.newdecimal]: decimal,
  [columnType.bit]: bit,
  [columnType.enum]: (meta) => counted('enum', meta),
  [columnType.set]: (meta) => counted('set', meta),
  [columnType.varchar]: text,
  [columnType.varString]: text,
  [columnType.string]: char,
  [columnType.tinyBlob]: (meta) => prefixed('blob', meta),
  [columnType.mediumBlob]: (meta) => prefixed('blob', meta),
  [columnType.longBlob]: (meta) => prefixed('blob', meta),
  [columnType.blob]: (meta) => prefixed('blob', meta),
  [columnType.json]: (meta) => prefixed('json', meta),
  [columnType.geometry]: (meta) => prefixed('geometry', meta),
  [columnType.vector]: (meta) => prefixed('vector', meta),
};

/**
 * The meaning of a column from the type and metadata of a `TableMapColumn`.
 * @throws BINLOG_UNSUPPORTED for a type that no known server writes into row events
 */
export function columnKind(type: number, meta: number): ColumnKind {
  const kind = readers[type]?.(meta);
  if (kind !== undefined) return kind;
  throw unsupported(`column type ${type} with metadata ${meta}`, { columnType: type, meta });
}

/** Bytes of a value: positive = always that many; negative = that many bytes of length in front of it. */
export function columnWidth(column: ColumnKind): number {
  if ('lengthBytes' in column) return -column.lengthBytes;
  if ('bytes' in column) return column.bytes;
  if ('fsp' in column) return wholeBytes[column.kind] + fractionBytes(column.fsp);
  if (column.kind === 'bit') return (column.bits + 7) >> 3;
  if (column.kind === 'decimal')
    return digitsBytes(column.precision - column.scale) + digitsBytes(column.scale);
  return plainWidths[column.kind];
}

const wholeBytes = { time2: 3, datetime2: 5, timestamp2: 4 } as const;
const plainWidths = { float: 4, double: 8, year: 1, date: 3, time: 3, datetime: 8, timestamp: 4 } as const;

function fractionBytes(fsp: number): number {
  return (fsp + 1) >> 1;
}

const digitBytes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** Bytes that `count` decimal digits left over from groups of nine take. */
export function leftoverBytes(count: number): number {
  return digitBytes[count] ?? 0;
}

function digitsBytes(digits: number): number {
  return Math.floor(digits / 9) * 4 + leftoverBytes(digits % 9);
}

function decimal(meta: number): ColumnKind | undefined {
  const precision = meta >> 8;
  const scale = meta & 0xff;
  // mysql-server: DECIMAL_MAX_PRECISION 65, DECIMAL_MAX_SCALE 30
  if (precision < 1 || precision > 65 || scale > 30 || scale > precision) return undefined;
  return { kind: 'decimal', precision, scale };
}

function bit(meta: number): ColumnKind | undefined {
  const bits = (meta >> 8) * 8 + (meta & 0xff);
  return bits >= 1 && bits <= 64 ? { kind: 'bit', bits } : undefined;
}

function withFsp(kind: 'time2' | 'datetime2' | 'timestamp2', fsp: number): ColumnKind | undefined {
  return fsp <= 6 ? { kind, fsp } : undefined;
}

function counted(kind: 'enum' | 'set', meta: number): ColumnKind | undefined {
  const bytes = meta & 0xff;
  const most = kind === 'enum' ? 2 : 8;
  return bytes >= 1 && bytes <= most ? { kind, bytes } : undefined;
}

function prefixed(
  kind: 'blob' | 'json' | 'geometry' | 'vector',
  lengthBytes: number,
): ColumnKind | undefined {
  return lengthBytes >= 1 && lengthBytes <= 4 ? { kind, lengthBytes } : undefined;
}

function text(meta: number): { kind: 'string'; lengthBytes: number } {
  return { kind: 'string', lengthBytes: meta < 256 ? 1 : 2 };
}

/** A CHAR of more than 255 bytes keeps two bits of its length, inverted, in the type byte (MySQL bug 37426). */
function char(meta: number): ColumnKind | undefined {
  const type = meta >> 8;
  if (type === 0) return text(meta);
  const length = (meta & 0xff) | (((type & 0x30) ^ 0x30) << 4);
  return (type | 0x30) === columnType.string ? { ...text(length), padTo: length } : undefined;
}
