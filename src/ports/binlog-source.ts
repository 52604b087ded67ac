/** One file of a server's binlog, as its index names it. */
export interface BinlogFile {
  /** Without directory. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** The binlog of one server, as files. All methods throw `UNEXPECTED` with the path for what the system refuses. */
export interface BinlogSource {
  /** In the order in which they were written. Read anew at each call, so new and purged files show. */
  list(): Promise<readonly BinlogFile[]>;

  /** `name` must be one of the list's, else NOT_FOUND: no other file is ever opened. */
  open(name: string): Promise<OpenBinlogFile>;
}

/** An open file stays readable when it is purged meanwhile. */
export interface OpenBinlogFile extends AsyncDisposable {
  readonly name: string;

  /** Now; a file that is being written grows. */
  sizeBytes(): Promise<number>;

  /**
   * The bytes from `start` on to `end`, or to the end that the file has when it is reached. To follow a growing file, read again
   * from where the last read ended. Chunks are the caller's to keep.
   */
  read(start: number, end?: number): AsyncIterable<Buffer>;
}
