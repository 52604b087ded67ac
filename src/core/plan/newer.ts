import { planSchema } from './plan.ts';

/** What of a journal only a newer program can have written (`entries.3.step.kind "merge"`), or undefined. */
export function whatIsNewer(journal: unknown): string | undefined {
  const issues = planSchema.safeParse(journal).error?.issues ?? [];
  const unknown = issues.find(({ code, path }) => code === 'invalid_union' && path.at(-1) === 'kind');
  if (unknown === undefined) return undefined;
  const value = valueAt(journal, unknown.path);
  // A journal without any kind is no program's.
  return typeof value === 'string' ? `${unknown.path.join('.')} ${JSON.stringify(value)}` : undefined;
}

function valueAt(start: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null
        ? Object.entries(at).find(([name]) => name === String(key))?.[1]
        : undefined,
    start,
  );
}
