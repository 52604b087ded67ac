/** Time, injected so that scenarios run on a virtual clock. */
export interface Clock {
  /** Wall clock, ms since 1970: for records that people read. */
  now(): number;
  /** Monotonic, ms: for deadlines and leases. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `work` after `ms`, unless what it returns is called first. For those who wait for either of two things often. */
  after(ms: number, work: () => void): () => void;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: constant lower-case message, data in fields, never a secret. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A log that adds these fields to each line. */
  with(fields: LogFields): Log;
}

/** Runs a program without a shell: fields in its environment, text on its standard input. Never throws for its exit status. */
export interface CommandRunner {
  run(
    argv: readonly string[],
    options: {
      readonly env: Readonly<Record<string, string>>;
      readonly stdin: string;
      readonly timeoutMs: number;
    },
  ): Promise<{ readonly exitCode: number | undefined; readonly stderr: string }>;
}

/** Posts JSON to an address. Throws `PEER_UNREACHABLE` or `PEER_PROTOCOL` (not a 2xx). */
export interface HttpPoster {
  post(url: string, body: string, options: { readonly timeoutMs: number }): Promise<void>;
}

/** What a process id named by a pid file is. `gone` also means: the id now belongs to some other program, or is a zombie. */
export type ProcessState =
  /** `halted`: by SIGSTOP or a debugger; nothing of it runs until somebody lets it go on. */
  | { readonly kind: 'alive'; readonly pid: number; readonly halted?: true }
  | { readonly kind: 'gone'; readonly detail: string }
  /** The pid file cannot be read and no pid is remembered. */
  | { readonly kind: 'unknown'; readonly detail: string };

/** The mysqld process of this host, found by its pid file. mysqld is not our child, so nobody tells us when it ends: ask. */
export interface ProcessWatch {
  /**
   * Reads the pid file (again: a restart changes it) and looks whether that process lives and is mysqld by its command line.
   * The last pid seen alive is remembered: with no pid file left, its state is the answer; `lastPid` is what a caller that was
   * restarted remembers itself. Never throws.
   */
  look(pidFile: string, lastPid?: number): Promise<ProcessState>;
  /** SIGKILL, only if `pid` is still mysqld. Resolves to false when there was nothing to kill. Throws `UNEXPECTED` (not permitted). */
  kill(pid: number): Promise<boolean>;
  /** Whether the file system that holds `directory` is mounted read-only; false when that cannot be told. */
  readOnlyMount(directory: string): Promise<boolean>;
}

/** A small file that a process must not forget: text, replaced atomically, on the disk before `write` resolves. */
export interface StateFile {
  /** undefined when it was never written. Throws `UNEXPECTED` when it cannot be read. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}
