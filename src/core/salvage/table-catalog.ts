import type { FormatDescription } from '../binlog/format-description.ts';
import { rowFormat, type RowFormat } from '../binlog/row-format.ts';
import { parseTableMap } from '../binlog/table-map.ts';

/** A table as one TABLE_MAP event describes it. */
export interface CatalogTable {
  readonly format: RowFormat;
  /** The event's body, for events that are made anew. */
  readonly body: Buffer;
}

/**
 * Table maps by their bytes. A server writes one in front of every statement, nearly always the same ones; kept once, the index of a
 * transaction with a hundred thousand statements stays small.
 */
export class TableCatalog {
  readonly #tables = new Map<string, CatalogTable>();

  /** @throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED */
  intern(body: Buffer, format: FormatDescription): CatalogTable {
    const key = body.toString('latin1');
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const own = Buffer.from(body);
    const table: CatalogTable = { format: rowFormat(parseTableMap(own, format)), body: own };
    this.#tables.set(key, table);
    return table;
  }
}

/** `schema.table`, for people and as a key: MySQL allows no dot that would make two tables the same without quotes in practice. */
export function tableName({ format }: CatalogTable): string {
  return `${format.table.schema}.${format.table.table}`;
}
