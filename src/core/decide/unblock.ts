import type { GroupSnapshot, MemberView } from '../model/snapshot.ts';
import { circumstancesOf, electionOf } from '../plan/failover.ts';
import { next } from '../plan/next.ts';
import { whyTooFewAsked } from '../plan/plan-quorum.ts';
import { abandoned, isDone, outcomeAs, retried, type FailoverPlan, type Plan } from '../plan/plan.ts';
import type { Step } from '../plan/steps.ts';
import { isFit, isUp } from './fit.ts';
import { needsApproval, whyBarred } from './placement.ts';

/** What these could not do, a server did not do that was gone: with another one, or when it is back, they may be done. */
const repeatable: ReadonlySet<Step['kind']> = new Set(['freeze', 'equalize', 'catch-up', 'promote']);

/**
 * What becomes of a plan that is blocked, when what the group is like now says that nobody needs to be asked; undefined: an operator decides.
 * Before the record nothing is destroyed, so the candidates are looked at afresh as soon as one is fit. Where none is and the old primary
 * is back, it stays the primary. A new primary that is gone before it was opened is left to a failover of its own.
 */
export function unblocked(plan: Plan, { members }: GroupSnapshot): Plan | undefined {
  if (plan.kind !== 'failover' || plan.abandonedBy !== undefined) return undefined;
  const recorded = plan.entries.find(({ outcome }) => outcome.kind === 'recorded')?.step;
  if (recorded?.kind === 'record-primary') return afterRecord(plan, viewOf(members, recorded.host));
  return lacksServer(plan) || lacksKnowledge(plan) ? beforeRecord(plan, members) : undefined;
}

function beforeRecord(plan: FailoverPlan, members: readonly MemberView[]): Plan | undefined {
  const { oldPrimary, to, automatic } = plan.inputs;
  const old = viewOf(members, oldPrimary);
  const isBack = old !== undefined && isUp(old);
  // The choice of an operator, who may be away, keeps nobody from writing.
  if (to !== undefined)
    return isBack ? abandoned(plan, `the state of ${to}, which cannot take over`) : undefined;
  const others = members.filter(({ member }) => member.id !== oldPrimary);
  const asked = others.filter(isFit).map(({ member }) => member.id);
  if (isShortOfQuorum(plan) && whyTooFewAsked(plan, asked) !== undefined) return undefined;
  const fit = lacksKnowledge(plan)
    ? others.filter((view) => isUp(view) && !wasAsked(plan, view))
    : others.filter((view) => isFit(view) && isFree(plan, view));
  if (fit.length > 0) return retried(plan);
  return automatic && isBack ? abandoned(plan, `${oldPrimary}, which is back`) : undefined;
}

function afterRecord(plan: FailoverPlan, primary: MemberView | undefined): Plan | undefined {
  if (plan.entries.at(-1)?.step.kind !== 'open-writes') return undefined;
  const verdict = primary?.presence?.verdict;
  if (verdict === 'up') return retried(plan);
  const isGone = verdict === undefined || verdict === 'dead';
  return plan.inputs.automatic && isGone
    ? abandoned(plan, `the end of ${primary?.member.id ?? 'its new primary'}`)
    : undefined;
}

/** Blocked for want of a server that could do what was next. */
function lacksServer(plan: FailoverPlan): boolean {
  const last = plan.entries.at(-1);
  if (last?.outcome.kind === 'failed') return repeatable.has(last.step.kind);
  if (next(plan).kind !== 'blocked' || outcomeAs(plan, 'freeze', 'positions') === undefined) return false;
  if (isShortOfQuorum(plan)) return true;
  const election = electionOf(plan);
  if (isDone(plan, 'promote') || election.kind !== 'refused') return false;
  return election.reason === 'no-candidate' || election.reason === 'needs-approval';
}

/** Blocked because those who are known need not have all that was acknowledged. */
function lacksKnowledge(plan: FailoverPlan): boolean {
  const now = next(plan);
  return now.kind === 'blocked' && now.reason === 'not-durable';
}

/** Whether it has said what it holds: then it would only say the same again. */
function wasAsked(plan: FailoverPlan, { member }: MemberView): boolean {
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  return positions.some(({ host, executed }) => host === member.id && executed !== '');
}

/** False for one that the plan's rules would only refuse again, or ask an operator about. */
function isFree(plan: FailoverPlan, { member }: MemberView): boolean {
  const circumstances = circumstancesOf(plan);
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  const version = positions.find(({ host }) => host === member.id)?.version;
  return (
    whyBarred({ ...member, version }, circumstances) === undefined && !needsApproval(member, circumstances)
  );
}

function isShortOfQuorum(plan: FailoverPlan): boolean {
  const wanted = next(plan);
  return wanted.kind === 'blocked' && wanted.reason === 'no-quorum';
}

function viewOf(members: readonly MemberView[], id: string): MemberView | undefined {
  return members.find(({ member }) => member.id === id);
}
