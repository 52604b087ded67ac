import type { Log, LogFields } from '../../src/ports/system.ts';

export interface LogLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for assertions. */
export interface RecordingLog extends Log {
  readonly lines: readonly LogLine[];
}

export function recordingLog(lines: LogLine[] = [], added: LogFields = {}): RecordingLog {
  const line =
    (level: LogLine['level']) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...added, ...fields } });
    };
  return {
    lines,
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    with: (fields) => recordingLog(lines, { ...added, ...fields }),
  };
}

const nothing = (): void => undefined;

export const silentLog: Log = {
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  with: () => silentLog,
};
