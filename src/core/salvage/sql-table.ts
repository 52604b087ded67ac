import { quoteIdentifier } from '../binlog/rows-text.ts';
import { charsetOf } from '../binlog/values-charset.ts';
import type { ColumnKind } from '../binlog/values-kind.ts';
import { literalWriter, type ColumnMeaning } from '../binlog/values-sql.ts';
import type { ValueWriter } from '../binlog/values-text.ts';
import type { CatalogTable } from './table-catalog.ts';

/** What a server knows of a table and a log without full metadata does not. Each part may be left out. */
export interface KnownTable {
  /** All columns in their order, invisible and generated ones, too. */
  readonly columns: readonly KnownColumn[];
  /** Column indexes of the primary key. */
  readonly key?: readonly number[];
}

export interface KnownColumn {
  readonly name: string;
  readonly unsigned?: boolean;
  readonly charset?: string;
  /** Its value cannot be set. */
  readonly generated?: boolean;
}

export type LookUpTable = (schema: string, table: string) => KnownTable | undefined;

/** A table ready for writing its rows in SQL. */
export interface SqlTable {
  readonly table: CatalogTable;
  /** Schema and table in backticks. */
  readonly name: string;
  /** Without names its changes can only be written as comments. */
  readonly isNamed: boolean;
  readonly columns: readonly SqlColumn[];
  readonly key: readonly number[] | undefined;
}

export interface SqlColumn {
  /** In backticks, or `@1` and so on. */
  readonly name: string;
  readonly kind: ColumnKind['kind'];
  readonly generated: boolean;
  readonly write: ValueWriter;
}

/** The log's own metadata comes first; `known` fills in what it does not say, if it is of a table with as many columns. */
export function sqlTable(table: CatalogTable, known: KnownTable | undefined): SqlTable {
  const { kinds } = table.format;
  const { schema, table: name, metadata } = table.format.table;
  const fitting = known?.columns.length === kinds.length ? known : undefined;
  const names = metadata.names ?? fitting?.columns.map((column) => column.name);
  const key = metadata.primaryKey?.map(({ column }) => column) ?? fitting?.key;
  return {
    table,
    name: `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
    isNamed: names !== undefined,
    columns: kinds.map((kind, i) => ({
      name: quotedName(names?.[i], i),
      kind: kind.kind,
      generated: fitting?.columns[i]?.generated === true,
      write: literalWriter(meaningOf(table, kind, i, fitting?.columns[i])),
    })),
    key: key === undefined || key.length === 0 ? undefined : key,
  };
}

function quotedName(name: string | undefined, index: number): string {
  return name === undefined ? `@${index + 1}` : quoteIdentifier(name);
}

function meaningOf(
  { format }: CatalogTable,
  kind: ColumnKind,
  index: number,
  known: KnownColumn | undefined,
): ColumnMeaning {
  const { metadata } = format.table;
  const unsigned = metadata.unsigned?.[index] ?? known?.unsigned;
  const collation = metadata.collations?.[index];
  const charset = collation === undefined ? known?.charset : charsetOf(collation);
  const members = metadata.members?.[index];
  return {
    kind,
    ...(unsigned !== undefined && { unsigned }),
    ...(charset !== undefined && { charset }),
    ...(members !== undefined && { members }),
  };
}
