import type { TableMap } from './table-map.ts';
import { columnKind, columnWidth, type ColumnKind } from './values-kind.ts';

/** A table map made ready for reading many rows. */
export interface RowFormat {
  readonly table: TableMap;
  readonly kinds: readonly ColumnKind[];
  /** `columnWidth` of each column. */
  readonly widths: Int32Array;
  /** Numbers of the JSON columns, ascending. */
  readonly jsonColumns: readonly number[];
}

/** @throws BINLOG_UNSUPPORTED for a column type that is not known */
export function rowFormat(table: TableMap): RowFormat {
  const kinds = table.columns.map(({ type, meta }) => columnKind(type, meta));
  const jsonColumns = kinds.flatMap((column, i) => (column.kind === 'json' ? [i] : []));
  return { table, kinds, widths: Int32Array.from(kinds, columnWidth), jsonColumns };
}
