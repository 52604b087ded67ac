import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { PlanMember } from '../plan/plan.ts';
import type { Position } from '../plan/steps.ts';
import {
  approvalQuestion,
  compareSeries,
  isAway,
  needsApproval,
  whyBarred,
  type Circumstances,
  type Placed,
} from './placement.ts';

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
      /** True when the elected one is in another data centre than the old primary. */
      readonly away: boolean;
      readonly why: string;
      readonly rejected: readonly Rejected[];
    }
  | {
      readonly kind: 'refused';
      readonly reason: 'no-candidate' | 'diverged' | 'needs-approval';
      readonly why: string;
      readonly rejected: readonly Rejected[];
    };

interface Candidate {
  readonly member: PlanMember;
  readonly set: GtidSet;
  readonly version: string;
}

/** Chooses the new primary. Counts what was received as well as what was applied: a transaction in a relay log is not lost. */
export function elect(
  members: readonly PlanMember[],
  positions: readonly Position[],
  wish: Circumstances,
): Election {
  const frozen = positions.filter(({ error }) => error === undefined);
  const rejected = positions.flatMap(({ host, error }) =>
    error === undefined ? [] : [{ host, why: error }],
  );
  const candidates = frozen.flatMap((position) => toCandidate(members, position));
  if (candidates.length === 0) return refuse('no-candidate', describe(rejected), rejected);

  // An operator who names the server settles a divergence, too; what the others alone hold is then counted as lost.
  const settled = candidates.find(({ member }) => member.id === wish.to);
  const top = candidates.find(({ set }) => candidates.every((other) => set.contains(other.set))) ?? settled;
  if (top === undefined) return refuse('diverged', describeDivergence(candidates), rejected);

  return choose(candidates, top, wish, rejected);
}

function refuse(
  reason: Extract<Election, { kind: 'refused' }>['reason'],
  why: string,
  rejected: readonly Rejected[],
): Election {
  return { kind: 'refused', reason, why, rejected };
}

function choose(
  candidates: readonly Candidate[],
  top: Candidate,
  wish: Circumstances,
  unfit: readonly Rejected[],
): Election {
  const barred = candidates.flatMap(({ member, version }) => {
    const why = whyBarred({ ...member, version }, wish);
    return why === undefined ? [] : [{ host: member.id, why }];
  });
  const rejected = [...unfit, ...barred];
  const eligible = candidates.filter(({ member }) => !barred.some(({ host }) => host === member.id));
  // Whoever needs no approval goes first, however well the others are liked: nobody has to be asked for it.
  const free = eligible.filter(({ member }) => !needsApproval(member, wish));
  const waiting = eligible.filter((candidate) => !free.includes(candidate));
  const ranked = free.sort((a, b) => rank(a, b, wish, top.set));
  const chosen = wish.to === undefined ? ranked[0] : ranked.find(({ member }) => member.id === wish.to);
  if (chosen === undefined) return refuseAll(waiting, wish, rejected);
  const others = [...ranked.filter((candidate) => candidate !== chosen), ...waiting];
  const behind = !chosen.set.contains(top.set);
  return {
    kind: 'elected',
    host: chosen.member.id,
    mostAdvanced: behind ? top.member.id : chosen.member.id,
    set: top.set.toCompactString(),
    behind,
    away: isAway(chosen.member, wish),
    why: wish.to === undefined ? explain(chosen, { top, wish, others }) : "the operator's choice",
    rejected: [
      ...rejected,
      ...others.map(({ member }) => ({ host: member.id, why: `ranks below ${chosen.member.id}` })),
    ],
  };
}

function refuseAll(
  waiting: readonly Candidate[],
  { to }: Circumstances,
  rejected: readonly Rejected[],
): Election {
  if (to !== undefined)
    return refuse('no-candidate', `${to} is no candidate: ${describe(rejected)}`, rejected);
  if (waiting.length === 0) return refuse('no-candidate', describe(rejected), rejected);
  const away: readonly Placed[] = waiting.map(({ member }) => member);
  return refuse('needs-approval', approvalQuestion(away), rejected);
}

function toCandidate(members: readonly PlanMember[], position: Position): Candidate[] {
  const member = members.find(({ id }) => id === position.host);
  if (member === undefined) return [];
  const set = parseGtidSet(position.executed).union(parseGtidSet(position.retrieved));
  return [{ member, set, version: position.version }];
}

const promoteOrder = { prefer: 0, yes: 1, last: 2, no: 3 } as const;

/** Negative when `a` is the better primary. */
function rank(a: Candidate, b: Candidate, wish: Circumstances, top: GtidSet): number {
  const away = ({ member }: Candidate) => (isAway(member, wish) ? 1 : 0);
  const behind = ({ set }: Candidate) => (set.contains(top) ? 0 : 1);
  const cascaded = ({ member }: Candidate) => (member.from === undefined ? 0 : 1);
  return (
    promoteOrder[a.member.promote] - promoteOrder[b.member.promote] ||
    away(a) - away(b) ||
    // MySQL does not support a replica that is older than its source: of those that are not older than the old primary, the oldest leads.
    compareSeries(a.version, b.version) ||
    // An intermediate's replica is there for what hangs on it.
    cascaded(a) - cascaded(b) ||
    b.member.priority - a.member.priority ||
    behind(a) - behind(b) ||
    (a.member.id < b.member.id ? -1 : 1)
  );
}

function explain(
  { member, set, version }: Candidate,
  {
    top,
    wish,
    others,
  }: { readonly top: Candidate; readonly wish: Circumstances; readonly others: readonly Candidate[] },
): string {
  const older = others.filter((other) => compareSeries(other.version, version) < 0);
  return [
    set.contains(top.set) ? 'holds everything received' : `fetches the rest from ${top.member.id}`,
    isAway(member, wish) ? `data centre ${member.dc ?? 'unnamed'}` : 'same data centre',
    `priority ${member.priority}`,
    `promote ${member.promote}`,
    ...older.map(
      (other) => `${other.member.id} is older than it (${other.version}), which MySQL does not support`,
    ),
  ].join(', ');
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
