import type { BinlogSource } from './binlog-source.ts';

/** What the transactions saved at one return of one server are named by. */
export interface SalvagePlace {
  readonly group: string;
  /** The host's id. */
  readonly host: string;
  /** When the return began, ms since 1970. */
  readonly at: number;
}

/** A set of saved transactions, complete and on the disk. */
export interface SavedSet {
  /** `GROUP/HOST/WHEN`. */
  readonly name: string;
  readonly directory: string;
}

/**
 * Where transactions are kept before they are taken back. Throws `UNEXPECTED` with the path for what the system refuses (no space, not
 * permitted), `NOT_FOUND`.
 */
export interface SalvageStore {
  /** A set that was saved whole, by an earlier attempt. */
  find(place: SalvagePlace): Promise<SavedSet | undefined>;
  /** Begins a set under another name. Refused at once when the disk has no room for `sizeBytes`. */
  begin(place: SalvagePlace, sizeBytes: number): Promise<SalvageDraft>;
  /** All of them, oldest first in each host. */
  list(): Promise<readonly SavedSet[]>;
  /** Its index, as text. */
  readIndex(set: SavedSet): Promise<string>;
  /** Its copies of binlog files. */
  open(set: SavedSet): BinlogSource;
  /** Its readable form. */
  sqlFile(set: SavedSet): string;
  /** Replaces its readable form and its index, each at once; both are on the disk when this resolves. */
  retell(set: SavedSet, told: { readonly sql: AsyncIterable<Buffer>; readonly index: string }): Promise<void>;
  remove(set: SavedSet): Promise<void>;
}

/** A set that is being written. Disposed without `keep`, it is gone. */
export interface SalvageDraft extends AsyncDisposable {
  /** A copy of a binlog file. */
  copy(name: string, chunks: AsyncIterable<Buffer>): Promise<void>;
  /** The readable form. */
  writeSql(chunks: AsyncIterable<Buffer>): Promise<void>;
  writeIndex(text: string): Promise<void>;
  /** Everything is on the disk, and the set has its name, when this resolves. */
  keep(): Promise<SavedSet>;
}
