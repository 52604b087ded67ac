import { DcmhaError } from '../core/model/errors.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;

const WHOLE = /^(?:\d+(?:ms|[smhd]))+$/;
const PART = /(\d+)(ms|[smhd])/g;

/** `2h`, `90m`, `1h30m`, `1d` as ms. Throws `USAGE` naming `what`. */
export function parseDuration(text: string, what: string): number {
  const compact = text.replaceAll(/\s+/g, '').toLowerCase();
  const totalMs = WHOLE.test(compact)
    ? [...compact.matchAll(PART)].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs(unit), 0)
    : 0;
  if (totalMs > 0 && Number.isSafeInteger(totalMs)) return totalMs;
  throw new DcmhaError('USAGE', `${what} ${JSON.stringify(text)} is no time such as 30m, 2h or 1h30m`, {
    details: { what, text },
  });
}

function unitMs(unit: string | undefined): number {
  return units[isUnit(unit) ? unit : 'ms'];
}

function isUnit(text: string | undefined): text is Unit {
  return text !== undefined && text in units;
}

/** `2 h 5 min`, `40 s`: for people, in the two largest units. */
export function formatDuration(totalMs: number): string {
  const seconds = Math.max(0, Math.round(totalMs / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
