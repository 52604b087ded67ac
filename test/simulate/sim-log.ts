import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { MadeFile } from '../support/made-binlog.ts';
import { eventsOf, type Transaction } from './sim-transaction.ts';

/** Transactions in a file before the next is begun. */
const PER_FILE = 50;

interface LogFile {
  /** Place of its first transaction among all of them. */
  readonly first: number;
  readonly made: MadeFile;
  /** Where its transactions begin, as far as they are written out. */
  readonly starts: number[];
}

/** The binlog of a simulated server: its transactions in their order, and its files in real bytes where anybody reads them. */
export class SimLog {
  /** Another array when it was begun anew. */
  transactions: Transaction[] = [];
  readonly #serverId: number;
  #files: LogFile[] = [];

  constructor(serverId: number) {
    this.#serverId = serverId;
    this.begin(EMPTY_GTID_SET);
  }

  /** `RESET BINARY LOGS`: one file is left, which begins after `previous`. */
  begin(previous: GtidSet): void {
    this.transactions = [];
    this.#files = [];
    this.rotate(previous);
  }

  /** Begins another file, after `previous`. */
  rotate(previous: GtidSet): void {
    const made = new MadeFile(this.#serverId, previous);
    this.#files.push({ first: this.transactions.length, made, starts: [] });
  }

  /** `logged`: everything before it. */
  add(transaction: Transaction, logged: GtidSet): void {
    const { first } = this.#newest();
    if (this.transactions.length - first >= PER_FILE) this.rotate(logged);
    this.transactions.push(transaction);
  }

  /** By name, oldest first; the newest is not closed. */
  files(): Record<string, Buffer> {
    return Object.fromEntries(
      this.#files.map((file, at) => {
        const next = this.#files[at + 1];
        this.#writeOut(file, next?.first ?? this.transactions.length);
        return [nameOf(at), file.made.bytes(next === undefined)];
      }),
    );
  }

  /** Truncates the newest file; what is gone with that. */
  cut(name: string, sizeBytes: number): readonly Transaction[] {
    const file = this.#newest();
    if (nameOf(this.#files.length - 1) !== name) throw new Error(`${name} is not the last file`);
    this.#writeOut(file, this.transactions.length);
    file.made.truncate(sizeBytes);
    const kept = file.starts.filter((start) => start < sizeBytes).length;
    file.starts.length = kept;
    return this.transactions.splice(file.first + kept);
  }

  #writeOut({ first, made, starts }: LogFile, end: number): void {
    for (const transaction of this.transactions.slice(first + starts.length, end)) {
      starts.push(made.sizeBytes);
      made.addTransaction(transaction.gtid, eventsOf(transaction));
    }
  }

  #newest(): LogFile {
    const file = this.#files.at(-1);
    if (file === undefined) throw new Error('a binlog has a file');
    return file;
  }
}

function nameOf(at: number): string {
  return `binlog.${String(at + 1).padStart(6, '0')}`;
}
