import { formatGtid } from '../../core/gtid/gtid.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import type { Transaction } from '../../core/binlog/transactions.ts';

/** A transaction as `--json` shows it. */
export interface TransactionDocument {
  /** Null: anonymous. */
  readonly gtid: string | null;
  /** When it was committed; when its first statement began, where the log does not know. */
  readonly time: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly rows: number;
  readonly ending: Transaction['ending'];
  readonly tables: Readonly<
    Record<string, { readonly inserts: number; readonly updates: number; readonly deletes: number }>
  >;
  readonly statements: readonly string[];
  /** Which step of which XA transaction it is. */
  readonly xa: { readonly kind: 'prepare' | 'commit' | 'rollback'; readonly xid: string } | null;
  /** Why it cannot be taken back, as far as the log alone tells. */
  readonly obstacle: { readonly reason: string; readonly what: string } | null;
}

export function describeTransaction({
  transaction,
  rows,
  statements,
  tables,
  xa,
  obstacle,
}: Survey): TransactionDocument {
  const { gtid, start, end, ending } = transaction;
  return {
    gtid: gtid === undefined ? null : formatGtid(gtid),
    time: new Date(timeOf(transaction)).toISOString(),
    start,
    end,
    bytes: end - start,
    rows: rows.reduce((sum, entry) => sum + entry.rows, 0),
    ending,
    tables: Object.fromEntries(tables),
    statements: statements.map(({ text }) => text),
    xa: xa ?? null,
    obstacle: obstacle ?? null,
  };
}

const STATEMENT_WIDTH = 80;

/** One line for people: when, which, how much, and what it touched: `+` inserted, `~` updated, `-` deleted rows. */
export function transactionLine(document: TransactionDocument): string {
  const { gtid, time, bytes, rows, tables, statements, xa } = document;
  const changes = Object.entries(tables).map(
    ([name, { inserts, updates, deletes }]) => `${plain(name)} +${inserts} ~${updates} -${deletes}`,
  );
  const texts = statements.map((text) => shorten(plain(text.replace(/\s+/g, ' '))));
  const step = xa === null ? [] : [`XA ${xa.kind} ${shorten(plain(xa.xid))}`];
  const when = time.slice(0, 23).replace('T', ' ');
  const what = [...step, ...changes, ...texts].join('; ');
  return [when, gtid ?? 'anonymous', `${bytes} bytes`, `${rows} rows`, what].join('  ').trimEnd();
}

/** Names and statements come from a file: control characters of theirs must not reach a terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

function shorten(text: string): string {
  return text.length > STATEMENT_WIDTH ? `${text.slice(0, STATEMENT_WIDTH - 1)}…` : text;
}

// Beyond this a Date is invalid; a damaged event without a checksum may say anything.
const LAST_MOMENT_MS = 8.64e15;

/** Milliseconds since 1970. */
function timeOf({ header, timestamp }: Transaction): number {
  const commit = header?.immediateCommitTimestamp ?? 0n;
  return commit === 0n ? timestamp * 1000 : Math.min(Number(commit / 1000n), LAST_MOMENT_MS);
}
