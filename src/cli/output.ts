import { toDcmhaError, type DcmhaError } from '../core/model/errors.ts';

/** What a command prints: one JSON document with `--json`, else text for people. */
export function print(json: boolean, document: object, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(document, undefined, 2) : text()}\n`);
}

/** One line for people, or one JSON document with the stable code; always on standard error. */
export function printError(thrown: unknown, json: boolean): DcmhaError {
  const error = toDcmhaError(thrown);
  const line = json
    ? JSON.stringify({ error: { code: error.code, message: error.message, details: error.details } })
    : `dcmha: ${error.message} (${error.code})`;
  process.stderr.write(`${line}\n`);
  if (
    error.code === 'UNEXPECTED' &&
    error.cause instanceof Error &&
    process.env['DCMHA_DEBUG'] !== undefined
  ) {
    process.stderr.write(`${error.cause.stack ?? ''}\n`);
  }
  return error;
}

/** Columns padded to their widest cell; numbers are not aligned specially. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `2026-11-23 07:18:51` in UTC, from ms since 1970. */
export function formatTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}
