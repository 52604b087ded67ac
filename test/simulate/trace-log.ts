import type { Log, LogFields } from '../../src/ports/system.ts';

/** A log as lines of a trace; what is only for debugging is left out. */
export function traceLog(write: (line: string) => void, added: LogFields = {}): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      write(`${level} ${message}${textOf({ ...added, ...fields })}`);
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: () => undefined,
    with: (fields) => traceLog(write, { ...added, ...fields }),
  };
}

function textOf(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
}
