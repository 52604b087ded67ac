import { z } from 'zod';
import type { InversionFacts, TableFacts } from './invert.ts';

/** What a server must be asked so that `inversionFacts` can be told: each query's rows under its name. Privileges: SELECT on the tables. */
export const inversionQueries = {
  columns: `SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, COUNT(*) AS n FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys') GROUP BY TABLE_SCHEMA, TABLE_NAME`,
  keys: `SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0
    GROUP BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME HAVING MAX(NULLABLE = 'YES' OR COLUMN_NAME IS NULL) = 0`,
  parents: `SELECT DISTINCT UNIQUE_CONSTRAINT_SCHEMA AS s, REFERENCED_TABLE_NAME AS t
    FROM information_schema.REFERENTIAL_CONSTRAINTS
    WHERE DELETE_RULE NOT IN ('NO ACTION', 'RESTRICT') OR UPDATE_RULE NOT IN ('NO ACTION', 'RESTRICT')`,
} as const;

const names = z.object({ s: z.string(), t: z.string() });
const answers = z.object({
  columns: z.array(names.extend({ n: z.coerce.number() })),
  keys: z.array(names),
  parents: z.array(names),
});

/** What `invertible` must know of a server, from its answers to `inversionQueries`. */
export function inversionFacts(rows: unknown): InversionFacts {
  const { columns, keys, parents } = answers.parse(rows);
  const keyed = new Set(keys.map(keyOf));
  const cascading = new Set(parents.map(keyOf));
  const tables = new Map<string, TableFacts>();
  for (const table of columns) {
    const key = keyOf(table);
    tables.set(key, { columns: table.n, hasKey: keyed.has(key), isCascadeParent: cascading.has(key) });
  }
  return { table: (schema, table) => tables.get(keyOf({ s: schema, t: table })) };
}

/** A dot cannot part the two: names may hold dots, but no NUL. */
function keyOf({ s, t }: z.infer<typeof names>): string {
  return `${s}\0${t}`;
}
