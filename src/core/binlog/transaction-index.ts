import { formatGtid, type Gtid } from '../gtid/gtid.ts';
import { EMPTY_GTID_SET, GtidSet } from '../gtid/gtid-set.ts';
import { FileScanner, type FileEnd } from './file-scanner.ts';
import type { FormatDescription } from './format-description.ts';
import type { Transaction } from './transactions.ts';

/** What one file holds. */
export interface FileIndex {
  readonly file: string;
  /** Undefined: the file ends before its first event does. */
  readonly format: FormatDescription | undefined;
  readonly previousGtids: GtidSet;
  /** In the order of the file; anonymous ones, too. */
  readonly transactions: readonly Transaction[];
  /** Of `transactions`. */
  readonly gtids: GtidSet;
  readonly end: FileEnd;
}

export interface IndexOptions {
  readonly file: string;
  /** Keeps only these in `transactions` (a file may hold millions); `gtids` has all of them nevertheless. */
  readonly wanted?: (transaction: Transaction) => boolean;
}

/** Reads a whole file, every checksum verified. Throws BINLOG_CORRUPT and BINLOG_UNSUPPORTED with file and position. */
export async function indexBinlogFile(
  chunks: AsyncIterable<Buffer>,
  options: IndexOptions,
): Promise<FileIndex> {
  const indexer = new FileIndexer(options);
  for await (const chunk of chunks) indexer.push(chunk);
  return indexer.finish();
}

/** The same for who has the bytes at hand, or follows a file that grows: `finish` may be asked at any time and pushing go on. */
export class FileIndexer {
  readonly #file: string;
  readonly #wanted: (transaction: Transaction) => boolean;
  readonly #scanner: FileScanner;
  readonly #transactions: Transaction[] = [];
  #gtids = EMPTY_GTID_SET;
  /** Not in `#gtids` yet: adding them one by one to an immutable set would cost a copy each. */
  #fresh: Gtid[] = [];

  constructor({ file, wanted = () => true }: IndexOptions) {
    this.#file = file;
    this.#wanted = wanted;
    this.#scanner = new FileScanner({ file });
  }

  push(chunk: Buffer): void {
    for (const { grouped } of this.#scanner.push(chunk)) {
      if (grouped.kind !== 'last') continue;
      const { transaction } = grouped;
      if (transaction.gtid !== undefined) this.#fresh.push(transaction.gtid);
      if (this.#wanted(transaction)) this.#transactions.push(transaction);
    }
    if (this.#fresh.length > FRESH_LIMIT) this.#mergeFresh();
  }

  finish(): FileIndex {
    this.#mergeFresh();
    const { format, previousGtids = EMPTY_GTID_SET } = this.#scanner;
    const transactions = [...this.#transactions];
    return {
      file: this.#file,
      format,
      previousGtids,
      transactions,
      gtids: this.#gtids,
      end: this.#scanner.end(),
    };
  }

  #mergeFresh(): void {
    this.#gtids = this.#gtids.union(GtidSet.fromGtids(this.#fresh));
    this.#fresh = [];
  }
}

const FRESH_LIMIT = 100_000;

/** The transactions of consecutive files of one server, oldest file first. */
export class TransactionIndex {
  readonly files: readonly FileIndex[];
  #byGtid: ReadonlyMap<string, Transaction> | undefined;

  constructor(files: readonly FileIndex[]) {
    this.files = files;
  }

  /** What was executed before the first of the files. */
  get previousGtids(): GtidSet {
    return this.files[0]?.previousGtids ?? EMPTY_GTID_SET;
  }

  /** What is in these files, whole. */
  get gtids(): GtidSet {
    return this.files.reduce((sum, { gtids }) => sum.union(gtids), EMPTY_GTID_SET);
  }

  find(gtid: Gtid): Transaction | undefined {
    this.#byGtid ??= new Map(
      [...this.transactions()].flatMap((transaction) =>
        transaction.gtid === undefined ? [] : [[formatGtid(transaction.gtid), transaction] as const],
      ),
    );
    return this.#byGtid.get(formatGtid(gtid));
  }

  *transactions(): Generator<Transaction, void> {
    for (const { transactions } of this.files) yield* transactions;
  }

  /** Those of the set, in the order in which they were written. */
  select(set: GtidSet): readonly Transaction[] {
    return [...this.transactions()].filter(({ gtid }) => gtid !== undefined && set.has(gtid));
  }
}
