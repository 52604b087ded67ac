/** Time, injected so that scenarios run on a virtual clock. */
export interface Clock {
  /** Wall clock, ms since 1970: for records that people read. */
  now(): number;
  /** Monotonic, ms: for deadlines and leases. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
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

/** Runs a program for an alert: fields in its environment, JSON on its standard input. Never throws for its exit status. */
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
