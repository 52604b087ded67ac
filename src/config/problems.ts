import type { z } from 'zod';
import type { SettingRow } from './describe.ts';
import { isMapping, type Origins, type RawConfig } from './raw-config.ts';

/** Sections whose values may hold a token, so that they are not repeated. */
const PRIVATE_SECTION = 'alerts.';

export interface ProblemContext {
  readonly raw: RawConfig;
  readonly origins: Origins;
  readonly rows: readonly SettingRow[];
}

/** One line a problem: where it was written, which setting, what is allowed. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  context: ProblemContext,
): readonly string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((name) => unknownKey([...path, name], context));
    }
    return [wrongValue(path, issue, context)];
  });
}

/** `FILE:LINE: section.key` or how else it was set. */
export function locate(key: string, origins: Origins): string {
  const [section = ''] = key.split('.');
  const origin = origins.get(key) ?? origins.get(section);
  return origin === undefined ? key : `${origin}: ${key}`;
}

function unknownKey(path: readonly string[], { origins, rows }: ProblemContext): string {
  const [section = '', name] = path;
  const sections = [...new Set(rows.map(({ key }) => key.split('.')[0] ?? ''))];
  const siblings =
    name === undefined
      ? sections
      : rows
          .filter(({ key }) => key.startsWith(`${section}.`))
          .map(({ key }) => key.slice(section.length + 1));
  const near = nearest(name ?? section, siblings);
  const hint = near === undefined ? `allowed are ${siblings.join(', ')}` : `did you mean ${near}?`;
  return `${locate(path.join('.'), origins)}: unknown key: ${hint}`;
}

function wrongValue(path: readonly string[], issue: z.core.$ZodIssue, context: ProblemContext): string {
  const key = path.slice(0, 2).join('.');
  const where = locate(key, context.origins);
  const row = context.rows.find((candidate) => candidate.key === key);
  if (row === undefined) return `${where}: must be a section of keys`;
  // A pattern has words of its own; all else is a matter of type and range.
  const wanted = issue.code === 'invalid_format' ? issue.message : row.type;
  const shown = key.startsWith(PRIVATE_SECTION) ? '' : `, not ${show(context.raw, path)}`;
  return `${where}: must be ${wanted}${shown}`;
}

function show(raw: RawConfig, path: readonly string[]): string {
  const value = path.reduce<unknown>((at, name) => (isMapping(at) ? at[name] : undefined), raw);
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The candidate that is a slip of the finger away. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(name.length / 4))
    ? best.candidate
    : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
