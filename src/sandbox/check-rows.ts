import type { RowDataPacket } from 'mysql2/promise';
import { connectTo } from './connect.ts';
import type { WriterReport } from './writer.ts';

/** What became of a writer's rows on one server. */
export interface RowCheck {
  readonly acknowledged: number;
  readonly found: number;
  /** Acknowledged and not there: must be empty. */
  readonly lost: readonly number[];
  /** There though the client was never told; that is allowed. */
  readonly unacknowledged: readonly number[];
}

/** Compares what the writer was told with what the server at `at` has. */
export async function checkRows(dir: string, at: string, report: WriterReport): Promise<RowCheck> {
  const connection = await connectTo({ dir, at, as: 'admin' });
  try {
    const [rows] = await connection.query<RowDataPacket[]>(`SELECT id FROM ${report.table}`);
    const found = new Set(rows.map((row) => Number(row['id'])));
    const told = new Set(report.acknowledged);
    return {
      acknowledged: told.size,
      found: found.size,
      lost: report.acknowledged.filter((number) => !found.has(number)),
      unacknowledged: [...found].filter((number) => !told.has(number)).sort((a, b) => a - b),
    };
  } finally {
    await connection.end();
  }
}
