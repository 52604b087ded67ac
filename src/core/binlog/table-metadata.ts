import { corrupt } from './binlog-errors.ts';
import { isCharacterColumn, isEnumOrSetColumn, isNumericColumn } from './column-types.ts';
import type { Cursor } from './cursor.ts';
import { columnType } from './values-kind.ts';

/**
 * Optional metadata of a table map (`Table_map_event::Optional_metadata_field_type`). Lists that speak of columns have one entry a column of the
 * table, `undefined` where the field says nothing of it; a field that was not logged is absent.
 */
export interface TableMetadata {
  readonly names?: readonly string[];
  /** Of numeric columns. */
  readonly unsigned?: readonly (boolean | undefined)[];
  /** Collation numbers of character, ENUM and SET columns; 63 is binary. */
  readonly collations?: readonly (number | undefined)[];
  /** The values of ENUM and SET columns, in the column's character set. */
  readonly members?: readonly (readonly Buffer[] | undefined)[];
  readonly geometryTypes?: readonly (number | undefined)[];
  readonly vectorDimensions?: readonly (number | undefined)[];
  readonly visible?: readonly boolean[];
  readonly primaryKey?: readonly KeyPart[];
}

export interface KeyPart {
  readonly column: number;
  /** Characters of the column in the key, or 0 for all of it. */
  readonly prefix: number;
}

interface Typed {
  readonly type: number;
}

const Field = {
  Signedness: 1,
  DefaultCharset: 2,
  ColumnCharset: 3,
  ColumnName: 4,
  SetValues: 5,
  EnumValues: 6,
  GeometryType: 7,
  SimplePrimaryKey: 8,
  PrimaryKeyWithPrefix: 9,
  EnumAndSetDefaultCharset: 10,
  EnumAndSetColumnCharset: 11,
  ColumnVisibility: 12,
  VectorDimensionality: 13,
} as const;

type Writable = { -readonly [K in keyof TableMetadata]: TableMetadata[K] };

/** Reads type-length-value fields to the end of `cursor`. A field not known is skipped: it only adds. */
export function parseTableMetadata(cursor: Cursor, columns: readonly Typed[]): TableMetadata {
  const metadata: Writable = {};
  while (cursor.remaining > 0) {
    const field = cursor.u8();
    readField(field, cursor.sub(cursor.lenenc()), columns, metadata);
  }
  return metadata;
}

type FieldReader = (value: Cursor, columns: readonly Typed[], into: Writable) => void;

const isSet = ({ type }: Typed): boolean => type === columnType.set;
const isEnum = ({ type }: Typed): boolean => type === columnType.enum;
const isGeometry = ({ type }: Typed): boolean => type === columnType.geometry;
const isVector = ({ type }: Typed): boolean => type === columnType.vector;
const isCharacter = ({ type }: Typed): boolean => isCharacterColumn(type);
const isEnumOrSet = ({ type }: Typed): boolean => isEnumOrSetColumn(type);

const READERS: ReadonlyMap<number, FieldReader> = new Map<number, FieldReader>([
  [
    Field.Signedness,
    (value, columns, into) => {
      const bits = bitsOf(value);
      into.unsigned = spread(
        columns,
        ({ type }) => isNumericColumn(type),
        () => bits.next().value ?? false,
      );
    },
  ],
  [
    Field.ColumnVisibility,
    (value, columns, into) => (into.visible = [...bitsOf(value)].slice(0, columns.length)),
  ],
  [
    Field.ColumnName,
    (value, columns, into) => (into.names = columns.map(() => value.lenencBytes().toString('utf8'))),
  ],
  [Field.DefaultCharset, (value, columns, into) => readDefaultCollation(value, columns, isCharacter, into)],
  [
    Field.EnumAndSetDefaultCharset,
    (value, columns, into) => readDefaultCollation(value, columns, isEnumOrSet, into),
  ],
  [
    Field.ColumnCharset,
    (value, columns, into) =>
      addCollations(
        into,
        spread(columns, isCharacter, () => value.lenenc()),
      ),
  ],
  [
    Field.EnumAndSetColumnCharset,
    (value, columns, into) =>
      addCollations(
        into,
        spread(columns, isEnumOrSet, () => value.lenenc()),
      ),
  ],
  [
    Field.SetValues,
    (value, columns, into) =>
      (into.members = merge(
        into.members,
        spread(columns, isSet, () => members(value)),
      )),
  ],
  [
    Field.EnumValues,
    (value, columns, into) =>
      (into.members = merge(
        into.members,
        spread(columns, isEnum, () => members(value)),
      )),
  ],
  [
    Field.GeometryType,
    (value, columns, into) => (into.geometryTypes = spread(columns, isGeometry, () => value.lenenc())),
  ],
  [
    Field.VectorDimensionality,
    (value, columns, into) => (into.vectorDimensions = spread(columns, isVector, () => value.lenenc())),
  ],
  [Field.SimplePrimaryKey, (value, columns, into) => (into.primaryKey = keyParts(value, columns, () => 0))],
  [
    Field.PrimaryKeyWithPrefix,
    (value, columns, into) => (into.primaryKey = keyParts(value, columns, () => value.lenenc())),
  ],
]);

function readField(field: number, value: Cursor, columns: readonly Typed[], into: Writable): void {
  READERS.get(field)?.(value, columns, into);
}

/** One entry a column: of those that `wanted` names, what `next` reads. */
function spread<T>(
  columns: readonly Typed[],
  wanted: (column: Typed) => boolean,
  next: () => T,
): (T | undefined)[] {
  return columns.map((column) => (wanted(column) ? next() : undefined));
}

function merge<T>(
  one: readonly (T | undefined)[] | undefined,
  other: readonly (T | undefined)[],
): readonly (T | undefined)[] {
  return other.map((value, i) => value ?? one?.[i]);
}

function addCollations(into: Writable, collations: readonly (number | undefined)[]): void {
  into.collations = merge(into.collations, collations);
}

/** One collation for most, then pairs of (index among those columns, collation) for the others. */
function readDefaultCollation(
  value: Cursor,
  columns: readonly Typed[],
  wanted: (column: Typed) => boolean,
  into: Writable,
): void {
  const usual = value.lenenc();
  const others = new Map<number, number>();
  while (value.remaining > 0) others.set(value.lenenc(), value.lenenc());
  let index = 0;
  addCollations(
    into,
    spread(columns, wanted, () => others.get(index++) ?? usual),
  );
}

function members(value: Cursor): readonly Buffer[] {
  const count = value.lenenc();
  // Each takes a byte at least: a count beyond that is damage, and must not become an allocation.
  if (count > value.remaining) throw corrupt(`${count} members of a column in ${value.remaining} bytes`);
  return Array.from({ length: count }, () => Buffer.from(value.lenencBytes()));
}

function keyParts(value: Cursor, columns: readonly Typed[], prefix: () => number): readonly KeyPart[] {
  const parts: KeyPart[] = [];
  while (value.remaining > 0) {
    const column = value.lenenc();
    if (column >= columns.length) throw corrupt(`the key has column ${column} of ${columns.length}`);
    parts.push({ column, prefix: prefix() });
  }
  return parts;
}

/** Bits from the highest of each byte down, as SIGNEDNESS and COLUMN_VISIBILITY pack them. */
function* bitsOf(value: Cursor): Generator<boolean, undefined> {
  for (const byte of value.rest()) {
    for (let bit = 0x80; bit !== 0; bit >>= 1) yield (byte & bit) !== 0;
  }
  return undefined;
}
