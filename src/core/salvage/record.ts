import { z } from 'zod';
import { DcmhaError } from '../model/errors.ts';
import { formatGtid } from '../gtid/gtid.ts';
import type { Invertibility } from './invert.ts';
import type { Survey } from './survey-model.ts';

/** Of one table: how many rows a transaction changed. */
const tableRecord = z.strictObject({
  table: z.string(),
  inserts: z.number().int().nonnegative(),
  updates: z.number().int().nonnegative(),
  deletes: z.number().int().nonnegative(),
});

const transactionRecord = z.strictObject({
  /** Null: anonymous. */
  gtid: z.string().nullable(),
  /** When its first statement began. */
  time: z.iso.datetime(),
  tables: z.array(tableRecord),
  rows: z.number().int().nonnegative(),
  /** In the log, compressed where it was. */
  bytes: z.number().int().nonnegative(),
  file: z.string(),
  start: z.number().int().nonnegative(),
  end: z.number().int().nonnegative(),
  /** Statements that are no rows, cut to a few thousand characters. */
  statements: z.array(z.string()),
  xa: z.strictObject({ kind: z.enum(['prepare', 'commit', 'rollback']), xid: z.string() }).optional(),
  /** Whether its rows could be put back; else the stable reason and a sentence. */
  invertible: z.boolean(),
  reason: z.string().optional(),
  what: z.string().optional(),
});

/** One transaction that was saved before it was taken back. */
export type TransactionRecord = z.infer<typeof transactionRecord>;

const salvageRecord = z.strictObject({
  /** Of this layout. */
  version: z.literal(1),
  /** When it was saved. */
  savedAt: z.iso.datetime(),
  group: z.string(),
  host: z.string(),
  /** What was saved, as a GTID set. */
  gtids: z.string(),
  /** In the order of the log. */
  transactions: z.array(transactionRecord),
});

/** The index beside the saved binlogs and their readable form. */
export type SalvageRecord = z.infer<typeof salvageRecord>;

export function recordTransaction(survey: Survey, verdict: Invertibility): TransactionRecord {
  const { transaction, statements, xa } = survey;
  const tables = [...survey.tables].map(([table, changes]) => ({ table, ...changes }));
  return {
    gtid: transaction.gtid === undefined ? null : formatGtid(transaction.gtid),
    time: new Date(transaction.timestamp * 1000).toISOString(),
    tables,
    rows: tables.reduce((sum, { inserts, updates, deletes }) => sum + inserts + updates + deletes, 0),
    bytes: transaction.end - transaction.start,
    file: transaction.file,
    start: transaction.start,
    end: transaction.end,
    statements: statements.map(({ text }) => text),
    ...(xa !== undefined && { xa: { kind: xa.kind, xid: xa.xid } }),
    invertible: verdict.kind === 'invertible',
    ...(verdict.kind === 'not-invertible' && { reason: verdict.reason, what: verdict.what }),
  };
}

/** The text of the index file. */
export function printSalvageRecord(record: SalvageRecord): string {
  return `${JSON.stringify(salvageRecord.parse(record), null, 2)}\n`;
}

/**
 * Reads an index file; `file` is for the message.
 * @throws BINLOG_CORRUPT
 */
export function parseSalvageRecord(text: string, file: string): SalvageRecord {
  const parsed = salvageRecord.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined ? '' : `: ${issue.path.join('.')} ${issue.message}`;
  throw new DcmhaError('BINLOG_CORRUPT', `${file} is no index of saved transactions${where}`, {
    details: { file },
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is refused by the schema, with the file's name.
    return undefined;
  }
}
