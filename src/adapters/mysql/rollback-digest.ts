import { z } from 'zod';
import { quoteIdentifier } from '../../core/binlog/rows-text.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { TableName } from '../../ports/rollback.ts';
import { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';

export function quotedName({ schema, table }: TableName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** NULL for a table that is not there. */
export async function checksumOf(session: Session, table: TableName, options: CallOptions): Promise<string> {
  const [row] = await session.query(`CHECKSUM TABLE ${quotedName(table)}`, [], new Deadline(options));
  return String(row?.['Checksum']);
}

const columnRows = z.array(z.object({ name: z.string(), type: z.string() }));

/**
 * A digest of a table's rows by the values of their columns, whatever order the rows have. CHECKSUM TABLE takes in the hidden columns of
 * functional indexes, which it does not compute: on MySQL 9.7 it gives another number for the same such table each time.
 */
export async function digestOf(session: Session, table: TableName, options: CallOptions): Promise<string> {
  const columns = columnRows.parse(
    await session.query(
      `SELECT COLUMN_NAME AS name, DATA_TYPE AS type FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
      [table.schema, table.table],
      new Deadline(options),
    ),
  );
  if (columns.length === 0) return 'no such table';
  const values = columns.map(({ name, type }) => `IFNULL(${hexOf(quoteIdentifier(name), type)}, '-')`);
  // MD5 and SHA1 are no built-in functions any more in 9.x.
  const hash = `SHA2(CONCAT_WS(',', ${values.join(', ')}), 256)`;
  const [row] = await session.query(
    `SELECT COUNT(*) AS n, SUM(CAST(CONV(LEFT(${hash}, 15), 16, 10) AS UNSIGNED)) AS sum FROM ${quotedName(table)}`,
    [],
    new Deadline(options),
    `a digest of ${quotedName(table)}`,
  );
  return `${columns.length} columns, ${String(row?.['n'])} rows, ${String(row?.['sum'])}`;
}

const bytes = /char|text|blob|binary|geometry|point|linestring|polygon|geom|vector/;

/** HEX of a number rounds it. */
function hexOf(column: string, type: string): string {
  if (bytes.test(type)) return `HEX(${column})`;
  return type === 'bit' ? `HEX(${column} + 0)` : `HEX(CAST(${column} AS CHAR))`;
}
