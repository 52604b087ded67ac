import type { FileResult } from './run-file.ts';

/** The line of one file in the log. */
export function renderResult({ name, passed, skipped, failures, durationMs }: FileResult): string {
  const counts = [
    `${passed} passed`,
    failures.length > 0 && `${failures.length} failed`,
    skipped > 0 && `${skipped} skipped`,
  ];
  const verdict = failures.length > 0 ? 'FAIL' : 'ok  ';
  return `${verdict} ${(durationMs / 1000).toFixed(1).padStart(6)} s  ${name}  ${counts.filter(Boolean).join(', ')}`;
}

/** Every failure with its file, name and message, and what the failing files printed; empty when there is none. */
export function renderFailures(results: readonly FileResult[]): string {
  return results
    .filter(({ failures }) => failures.length > 0)
    .map(({ name, failures, output }) => {
      const list = failures.map(
        (failure) => `  ${name}: ${failure.name}\n${indent(failure.message, '    ')}`,
      );
      const printed = output.trim() === '' ? [] : [`  ${name} printed:\n${indent(output.trim(), '    | ')}`];
      return [...list, ...printed].join('\n');
    })
    .join('\n\n');
}

/** The last line of a run. */
export function renderTotal(results: readonly FileResult[]): string {
  const sum = (count: (result: FileResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const skipped = sum((result) => result.skipped);
  const total = `${sum((result) => result.passed)} passed, ${sum((result) => result.failures.length)} failed`;
  return skipped > 0 ? `${total}, ${skipped} skipped` : total;
}

function indent(text: string, prefix: string): string {
  return text.replaceAll(/^/gm, prefix);
}
