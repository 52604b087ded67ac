import type { Buffer } from 'node:buffer';
import { unsupported } from '../binlog/binlog-errors.ts';
import { bytesForRole } from '../binlog/event-role.ts';
import { EventScanner } from '../binlog/event-scanner.ts';
import { EVENT_HEADER_SIZE } from '../binlog/event.ts';
import { checksumSize } from '../binlog/format-description.ts';
import { TransactionGrouper, type Transaction } from '../binlog/transactions.ts';
import type { Gtid } from '../gtid/gtid.ts';
import { EMPTY_GTID_SET, GtidSet } from '../gtid/gtid-set.ts';
import type { BinlogSource, OpenBinlogFile } from '../../ports/binlog-source.ts';
import { readFileHead, type FileHead } from './file-head.ts';
import { hopOverKnown } from './hop.ts';

/** A stretch of one file that holds missing transactions, whole ones only. */
export interface TailFile {
  readonly name: string;
  readonly head: FileHead;
  /** Of the first missing transaction. */
  readonly start: number;
  /** Just past the last whole transaction. */
  readonly end: number;
}

/** What a binlog has beyond a set of GTIDs. */
export interface Tail {
  /** What the others have. */
  readonly have: GtidSet;
  readonly missing: GtidSet;
  /** Of `missing`, in the order of the binlog. */
  readonly transactions: number;
  readonly sizeBytes: number;
  /** Those with missing transactions, oldest first. */
  readonly files: readonly TailFile[];
  /** The newest file with a head: what an empty stream is made of. */
  readonly newest: { readonly name: string; readonly head: FileHead };
}

export type Survey =
  | { readonly kind: 'tail'; readonly tail: Tail }
  /** Transactions were executed that are in no file: purged, or a file is gone. What comes after must not be applied without them. */
  | { readonly kind: 'gap'; readonly gtids: GtidSet; readonly before: string };

export interface SurveyOptions {
  readonly have: GtidSet;
  /** Only these may be counted and served, of what is missing; all when absent. */
  readonly only?: GtidSet | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface HeadedFile {
  readonly name: string;
  readonly head: FileHead;
}

/**
 * Finds what the files hold beyond `have`. What is passed over is believed by its lengths; what is missing is read in full, every checksum
 * verified, and ends with the last whole transaction, as crash recovery would have it. Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED,
 * NOT_FOUND (no binlog, or not readable).
 */
export async function surveyTail(source: BinlogSource, options: SurveyOptions): Promise<Survey> {
  const files = await filesFrom(source, options.have);
  const newest = files.at(-1);
  if (newest === undefined) throw unsupported('no file of it has begun');
  const tally = new Tally(options);
  for (const file of files) {
    const gtids = file.head.previousGtids.subtract(options.have).subtract(tally.seen());
    if (!gtids.isEmpty()) return { kind: 'gap', gtids, before: file.name };
    await tally.add(source, file);
  }
  return { kind: 'tail', tail: tally.tail(newest) };
}

/** From the newest file back to the first that begins with nothing but what the others have. */
async function filesFrom(source: BinlogSource, have: GtidSet): Promise<readonly HeadedFile[]> {
  const files: HeadedFile[] = [];
  for (const { name } of (await source.list()).toReversed()) {
    await using file = await source.open(name);
    const head = await readFileHead(file);
    if (head === undefined) continue;
    files.unshift({ name, head });
    if (have.contains(head.previousGtids)) break;
  }
  return files;
}

const FRESH_LIMIT = 50_000;

class Tally {
  readonly #options: SurveyOptions;
  readonly #files: TailFile[] = [];
  #missing = EMPTY_GTID_SET;
  #fresh: Gtid[] = [];
  #transactions = 0;
  #sizeBytes = 0;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  seen(): GtidSet {
    this.#missing = this.#missing.union(GtidSet.fromGtids(this.#fresh));
    this.#fresh = [];
    return this.#missing;
  }

  async add(source: BinlogSource, { name, head }: HeadedFile): Promise<void> {
    await using file = await source.open(name);
    const { have } = this.#options;
    const end = await file.sizeBytes();
    const hasChecksum = checksumSize(head.format) > 0;
    const start = await hopOverKnown(file, {
      start: head.start,
      end,
      hasChecksum,
      isKnown: (gtid) => have.has(gtid),
    });
    let first: number | undefined;
    let last = 0;
    for await (const transaction of wholeTransactions(file, { head, start, end })) {
      this.#options.signal?.throwIfAborted();
      if (!this.#count(transaction)) continue;
      first ??= transaction.start;
      last = transaction.end;
    }
    if (first !== undefined) this.#files.push({ name, head, start: first, end: last });
  }

  tail(newest: HeadedFile): Tail {
    return {
      have: this.#options.have,
      missing: this.seen(),
      transactions: this.#transactions,
      sizeBytes: this.#sizeBytes,
      files: this.#files,
      newest,
    };
  }

  /** Whether it is missing. */
  #count({ gtid, start, end, file }: Transaction): boolean {
    const { have, only } = this.#options;
    if (gtid === undefined)
      throw unsupported(`${file} has a transaction without a GTID at ${start}: gtid_mode must be ON`);
    if (have.has(gtid)) return false;
    this.#fresh.push(gtid);
    if (this.#fresh.length > FRESH_LIMIT) this.seen();
    if (only !== undefined && !only.has(gtid)) return true;
    this.#transactions += 1;
    this.#sizeBytes += end - start;
    return true;
  }
}

interface Stretch {
  readonly head: FileHead;
  readonly start: number;
  readonly end: number;
}

/** A torn one at the end is left out. Throws BINLOG_CORRUPT for what no crash explains. */
async function* wholeTransactions(
  file: OpenBinlogFile,
  { head, start, end }: Stretch,
): AsyncGenerator<Transaction, void> {
  const { format } = head;
  const scanner = new EventScanner({ file: file.name, start, format, keep: bytesForRole });
  const grouper = new TransactionGrouper(file.name);
  const checksum = checksumSize(format);
  for await (const chunk of file.read(start, end)) {
    for (const event of scanner.push(chunk)) {
      const grouped = grouper.accept(event, bodyOf(event.raw, event.header.size - checksum));
      if (grouped.kind === 'last') yield grouped.transaction;
    }
  }
  scanner.end();
}

function bodyOf(raw: Buffer, end: number): Buffer {
  return raw.subarray(EVENT_HEADER_SIZE, Math.min(raw.length, end));
}
