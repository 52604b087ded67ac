import { DcmhaError, hasCode, type ErrorDetails } from '../model/errors.ts';

/** Where in which file. Positions are byte offsets in the file, never `log_pos`, which has 32 bits only. */
export interface BinlogPosition {
  readonly file: string;
  readonly position: number;
}

export function corrupt(what: string, details: ErrorDetails = {}): DcmhaError {
  return new DcmhaError('BINLOG_CORRUPT', `binlog is damaged: ${what}`, { details });
}

export function corruptAt({ file, position }: BinlogPosition, what: string, cause?: unknown): DcmhaError {
  return new DcmhaError('BINLOG_CORRUPT', `${file} is damaged at ${position}: ${what}`, {
    details: { file, position },
    ...(cause !== undefined && { cause }),
  });
}

export function unsupported(what: string, details: ErrorDetails = {}): DcmhaError {
  return new DcmhaError('BINLOG_UNSUPPORTED', `binlog cannot be read: ${what}`, { details });
}

export function unsupportedAt({ file, position }: BinlogPosition, what: string): DcmhaError {
  return new DcmhaError('BINLOG_UNSUPPORTED', `${file} cannot be read at ${position}: ${what}`, {
    details: { file, position },
  });
}

/** Runs a decoder of one event's body; what it refuses without a place gets the event's. */
export function locating<T>(at: BinlogPosition, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED', 'GTID_MALFORMED')) throw error;
    if (error.details['position'] !== undefined) throw error;
    const code = error.code === 'BINLOG_UNSUPPORTED' ? 'BINLOG_UNSUPPORTED' : 'BINLOG_CORRUPT';
    throw new DcmhaError(code, `${at.file} at ${at.position}: ${error.message}`, {
      details: { ...error.details, ...at },
      cause: error,
    });
  }
}
