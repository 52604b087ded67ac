import { z } from 'zod';
import type { KnownColumn, LookUpTable } from './sql-table.ts';

/** What a server must be asked so that `knownTables` can be told. */
export const knownTablesQuery = `SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, COLUMN_NAME AS c,
  COLUMN_TYPE LIKE '%unsigned%' AS u, IF(DATA_TYPE LIKE '%binary' OR DATA_TYPE LIKE '%blob', 'binary', CHARACTER_SET_NAME) AS h,
  EXTRA LIKE '%GENERATED' AS g, COLUMN_KEY = 'PRI' AS k FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys')
  ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;

const flag = z.coerce.number().transform((value) => value !== 0);
const answer = z.array(
  z.object({
    s: z.string(),
    t: z.string(),
    c: z.string(),
    u: flag,
    h: z.string().nullable(),
    g: flag,
    k: flag,
  }),
);

interface Draft {
  readonly columns: KnownColumn[];
  readonly key: number[];
}

/** A server's tables by name, from its answer to `knownTablesQuery`. */
export function knownTables(rows: unknown): LookUpTable {
  const tables = new Map<string, Draft>();
  for (const row of answer.parse(rows)) {
    const name = `${row.s}\0${row.t}`;
    const table = tables.get(name) ?? { columns: [], key: [] };
    tables.set(name, table);
    if (row.k) table.key.push(table.columns.length);
    table.columns.push({
      name: row.c,
      unsigned: row.u,
      generated: row.g,
      ...(row.h !== null && { charset: row.h }),
    });
  }
  return (schema, table) => tables.get(`${schema}\0${table}`);
}
