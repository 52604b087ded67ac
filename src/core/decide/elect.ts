import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { PlanMember } from '../plan/plan.ts';
import type { Position } from '../plan/steps.ts';

export interface Rejected {
  readonly host: string;
  readonly why: string;
}

export type Election =
  | {
      readonly kind: 'elected';
      readonly host: string;
      /** A server that holds every transaction that any candidate received. */
      readonly mostAdvanced: string;
      /** All that `mostAdvanced` holds. */
      readonly set: string;
      /** True when the elected one must first fetch from `mostAdvanced`. */
      readonly behind: boolean;
      readonly why: string;
      readonly rejected: readonly Rejected[];
    }
  | { readonly kind: 'refused'; readonly reason: 'no-candidate' | 'diverged'; readonly why: string };

interface Candidate {
  readonly member: PlanMember;
  readonly set: GtidSet;
  readonly version: readonly number[];
}

interface Wish {
  /** The data centre of the old primary; candidates there come first. */
  readonly home?: string | undefined;
  /** The operator's choice. */
  readonly to?: string | undefined;
}

/** Chooses the new primary. Counts what was received as well as what was applied: a transaction in a relay log is not lost. */
export function elect(members: readonly PlanMember[], positions: readonly Position[], wish: Wish): Election {
  const frozen = positions.filter(({ error }) => error === undefined);
  const rejected = positions.flatMap(({ host, error }) =>
    error === undefined ? [] : [{ host, why: error }],
  );
  const candidates = frozen.flatMap((position) => toCandidate(members, position));
  if (candidates.length === 0) return { kind: 'refused', reason: 'no-candidate', why: describe(rejected) };

  // An operator who names the server settles a divergence, too; what the others alone hold is then counted as lost.
  const settled = candidates.find(({ member }) => member.id === wish.to);
  const top = candidates.find(({ set }) => candidates.every((other) => set.contains(other.set))) ?? settled;
  if (top === undefined) return { kind: 'refused', reason: 'diverged', why: describeDivergence(candidates) };

  return choose(candidates, top, wish, rejected);
}

function choose(
  candidates: readonly Candidate[],
  top: Candidate,
  wish: Wish,
  barred: readonly Rejected[],
): Election {
  const unwilling = candidates.filter(({ member }) => member.promote === 'no');
  const rejected = [...barred, ...unwilling.map(({ member }) => ({ host: member.id, why: 'promote: no' }))];
  const eligible = candidates.filter(({ member }) => member.promote !== 'no');
  const ranked = eligible.sort((a, b) => rank(a, b, wish.home, top.set));
  const chosen = wish.to === undefined ? ranked[0] : ranked.find(({ member }) => member.id === wish.to);
  if (chosen === undefined) {
    const why =
      wish.to === undefined ? describe(rejected) : `${wish.to} is no candidate: ${describe(rejected)}`;
    return { kind: 'refused', reason: 'no-candidate', why };
  }
  const others = ranked.filter((candidate) => candidate !== chosen);
  const behind = !chosen.set.contains(top.set);
  return {
    kind: 'elected',
    host: chosen.member.id,
    mostAdvanced: behind ? top.member.id : chosen.member.id,
    set: top.set.toCompactString(),
    behind,
    why: wish.to === undefined ? explain(chosen, top, wish.home) : "the operator's choice",
    rejected: [
      ...rejected,
      ...others.map(({ member }) => ({ host: member.id, why: `ranks below ${chosen.member.id}` })),
    ],
  };
}

function toCandidate(members: readonly PlanMember[], position: Position): Candidate[] {
  const member = members.find(({ id }) => id === position.host);
  if (member === undefined) return [];
  const set = parseGtidSet(position.executed).union(parseGtidSet(position.retrieved));
  return [{ member, set, version: position.version.split('.').slice(0, 2).map(Number) }];
}

const promoteOrder = { prefer: 0, allow: 1, 'prefer-not': 2, no: 3 } as const;

/** Negative when `a` is the better primary. */
function rank(a: Candidate, b: Candidate, home: string | undefined, top: GtidSet): number {
  const away = ({ member }: Candidate) => (member.dc === home ? 0 : 1);
  const behind = ({ set }: Candidate) => (set.contains(top) ? 0 : 1);
  return (
    promoteOrder[a.member.promote] - promoteOrder[b.member.promote] ||
    away(a) - away(b) ||
    // A replica must not be older than its source: the oldest server leads a group of mixed versions.
    compareVersions(a.version, b.version) ||
    b.member.priority - a.member.priority ||
    behind(a) - behind(b) ||
    (a.member.id < b.member.id ? -1 : 1)
  );
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0);
}

function explain(chosen: Candidate, top: Candidate, home: string | undefined): string {
  const parts = [
    chosen.set.contains(top.set) ? 'holds everything received' : `fetches the rest from ${top.member.id}`,
  ];
  parts.push(chosen.member.dc === home ? 'same data centre' : `data centre ${chosen.member.dc ?? 'unnamed'}`);
  parts.push(`priority ${chosen.member.priority}`, `promote ${chosen.member.promote}`);
  return parts.join(', ');
}

function describe(rejected: readonly Rejected[]): string {
  return rejected.length === 0
    ? 'no replica answered'
    : rejected.map(({ host, why }) => `${host}: ${why}`).join('; ');
}

function describeDivergence(candidates: readonly Candidate[]): string {
  const extras = candidates.map(({ member, set }) => {
    const others = candidates.filter((other) => other.member !== member);
    const alone = others.reduce((rest, other) => rest.subtract(other.set), set);
    return alone.isEmpty() ? undefined : `only ${member.id} has ${alone.toCompactString()}`;
  });
  return `no candidate holds all: ${extras.filter((text) => text !== undefined).join('; ')}`;
}
