import type { Verdict } from '../model/group.ts';

/** What one look at the host's own MySQL server brought. */
export type LocalCheck =
  /** It answers. `commits`: how the last attempt to commit fared; replicas and read-only servers are not tried. */
  | { readonly kind: 'answers'; readonly commits: 'fine' | 'not-tried' }
  | { readonly kind: 'cannot-commit'; readonly why: string }
  | { readonly kind: 'read-only-fs'; readonly why: string }
  /** An error packet instead of a session: something alive said no. */
  | { readonly kind: 'refused'; readonly errno: number; readonly message: string }
  | {
      readonly kind: 'no-answer';
      /** The system's code: `ECONNREFUSED`, `ETIMEDOUT`... */
      readonly code: string;
      readonly process: 'alive' | 'halted' | 'gone' | 'unknown';
      readonly detail: string;
    };

export interface LocalVerdict {
  readonly verdict: Verdict;
  /** When it began, ms since 1970. */
  readonly since: number;
  readonly why?: string | undefined;
  /** Checks in a row that left doubt. */
  readonly doubts: number;
}

export function firstVerdict(at: number): LocalVerdict {
  return { verdict: 'unknown', since: at, why: 'not checked yet', doubts: 0 };
}

/** Too many connections, of all or of one account. */
const FULL = new Set([1040, 1203, 1226]);
/** It answers, and what it was asked does not come in time. */
const TOO_SLOW = 3024;
/** Nothing listens: the kernel itself says so. `ENOENT`: the socket file is not there. */
const NOBODY_LISTENS = new Set(['ECONNREFUSED', 'ENOENT']);

/** The verdict after one more check. What is certain is said at once; what leaves doubt, after `attempts` in a row. */
export function judge(
  before: LocalVerdict,
  check: LocalCheck,
  { at, attempts }: { readonly at: number; readonly attempts: number },
): LocalVerdict {
  const certain = certainly(check);
  if (certain !== undefined) return change(before, certain, { at, doubts: 0 });
  const doubts = before.doubts + 1;
  if (doubts < attempts) return { ...before, doubts };
  // It may be hung or its host overloaded; that its process is gone is known to be untrue or not known.
  return change(before, ['stalled', `no answer in ${doubts} checks: ${whyNot(check)}`], { at, doubts });
}

function certainly(check: LocalCheck): readonly [Verdict, string | undefined] | undefined {
  switch (check.kind) {
    case 'answers':
      return ['up', undefined];
    case 'cannot-commit':
      return ['stalled', check.why];
    case 'read-only-fs':
      return ['read-only-fs', check.why];
    case 'refused':
      if (check.errno === TOO_SLOW) return undefined;
      return FULL.has(check.errno)
        ? ['saturated', `error ${check.errno}: no free connection`]
        : ['unknown', refusal(check)];
    case 'no-answer':
      if (check.process === 'gone') return ['dead', `mysqld is gone: ${check.detail}`];
      if (check.process === 'halted') return ['stalled', `mysqld is halted: ${check.detail}`];
      if (NOBODY_LISTENS.has(check.code)) return ['dead', `nobody listens: ${check.code}`];
      return undefined;
  }
}

function refusal({ errno, message }: { readonly errno: number; readonly message: string }): string {
  if (errno === 1045 || errno === 1044 || errno === 1698)
    return `error ${errno}: the management account is refused; check mysql.user and its password`;
  return `error ${errno}: ${message}`;
}

function whyNot(check: LocalCheck): string {
  if (check.kind === 'refused') return `error ${check.errno}: ${check.message}`;
  return check.kind === 'no-answer' ? check.code : check.kind;
}

function change(
  before: LocalVerdict,
  [verdict, why]: readonly [Verdict, string | undefined],
  { at, doubts }: { readonly at: number; readonly doubts: number },
): LocalVerdict {
  if (before.verdict !== verdict) return { verdict, since: at, why, doubts };
  // What killed it does not change, however its absence shows from check to check.
  return { verdict, since: before.since, why: verdict === 'dead' ? before.why : why, doubts };
}
