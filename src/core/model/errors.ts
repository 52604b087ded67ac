/**
 * The stable codes of everything that dcmha refuses or fails at. Scripts and alerts match on them; they never change meaning.
 */
export type ErrorCode =
  | 'USAGE'
  | 'CONFIG_INVALID'
  | 'NOT_FOUND'
  | 'ZNODE_MALFORMED'
  | 'ZNODE_CONFLICT'
  | 'ZNODE_EXISTS'
  | 'ZNODE_MISSING'
  | 'ZNODE_DENIED'
  | 'ZNODE_TOO_LARGE'
  | 'SESSION_LOST'
  | 'LOCK_LOST'
  | 'MYSQL_UNREACHABLE'
  | 'MYSQL_REFUSED'
  | 'MYSQL_REJECTED'
  | 'BINLOG_CORRUPT'
  | 'BINLOG_UNSUPPORTED'
  | 'GTID_MALFORMED'
  | 'PEER_UNREACHABLE'
  | 'PEER_PROTOCOL'
  | 'PEER_REFUSED'
  | 'PROXY_REJECTED'
  | 'STEP_TIMED_OUT'
  | 'TIMED_OUT'
  | 'UNEXPECTED';

/** Facts of an error for logs and `--json`: never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** The one error class: a stable code, a sentence that names the thing and the remedy, and facts beside it. */
export class DcmhaError extends Error {
  override readonly name = 'DcmhaError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is DcmhaError {
  return error instanceof DcmhaError && codes.includes(error.code);
}

/** What a caller that met any thrown value works with: a `DcmhaError` as it is, all else wrapped as `UNEXPECTED`. */
export function toDcmhaError(error: unknown): DcmhaError {
  if (error instanceof DcmhaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DcmhaError('UNEXPECTED', message, { cause: error });
}
