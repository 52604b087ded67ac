import { decide, type Decision } from '../core/decide/decide.ts';
import { elect, type Election } from '../core/decide/elect.ts';
import { supposePrimaryDead } from '../core/decide/suppose.ts';
import { circumstancesOf } from '../core/plan/failover.ts';
import { approved, type FailoverPlan, type FailoverRules } from '../core/plan/plan.ts';
import { rehearse } from '../core/plan/rehearse.ts';
import type { Position, Step } from '../core/plan/steps.ts';
import { automaticFailover } from '../roles/coordinator/begin-failover.ts';
import type { Look } from './look.ts';

export interface ExplainedServer {
  readonly host: string;
  readonly dc: string;
  readonly promote: string;
  readonly priority: number;
  readonly version: string;
  /** What would become of it, and why. */
  readonly fate: string;
}

/** What a coordinator makes of a group now, and would make of its primary's death. */
export interface Explanation {
  readonly group: string;
  readonly primary: string;
  readonly now: string;
  /** Whether it would fail over by itself, or what forbids it. */
  readonly decision: string;
  readonly election: string;
  readonly servers: readonly ExplainedServer[];
  readonly steps: readonly Step['kind'][];
  /** How the plan would end; a blocked one says why. */
  readonly ending: string;
  readonly rules: FailoverRules | undefined;
}

/** By the functions that the coordinators decide by, on what was seen: no opinion of its own. */
export function explainGroup({ snapshot, positions, decides, plans }: Look): Explanation {
  const supposed = supposePrimaryDead(snapshot);
  const decision = decide(supposed, decides);
  const { group, primary } = snapshot;
  const common = { group, primary: primary?.id ?? '', rules: plans.rules };
  const now = inWords(decide(snapshot, decides));
  if (primary === undefined) {
    const text = `no primary is recorded: dcmha add --group ${group}`;
    return { ...common, now: text, decision: text, election: '', servers: [], steps: [], ending: '' };
  }
  // What is refused now may be allowed or ordered later: whom it would elect is told all the same.
  const due = { kind: 'failover', cause: 'primary-dead', seen: [] } as const;
  const plan = automaticFailover(due, supposed, { by: snapshot.takenBy, policy: plans });
  const others = positions.filter(({ host }) => host !== primary.id);
  const { steps, ending } = rehearse(plan, { positions: others, executed: undefined });
  const election = elect(plan.inputs.members, others, circumstancesOf(plan));
  return {
    ...common,
    now,
    decision: inWords(decision),
    election: electionInWords(election, plan, others),
    servers: serversOf(plan, others, election),
    steps: steps.map(({ kind }) => kind),
    ending:
      ending.kind === 'blocked'
        ? `blocked: ${ending.reason}: ${ending.why}`
        : `primary ${ending.primary ?? 'none'}`,
  };
}

function inWords(decision: Decision): string {
  switch (decision.kind) {
    case 'nothing':
      return 'all is well';
    case 'alert':
      return `${decision.alert}, told, nothing is moved: ${decision.seen.join('; ')}`;
    case 'look-again':
      return `in doubt: ${decision.seen.join('; ')}`;
    case 'step-back':
      return `whoever looks from here sees too little to decide: ${decision.seen.join('; ')}`;
    case 'failover':
      return 'a failover begins at once';
    case 'refuse':
      return `no failover (${decision.reason}): ${decision.why}`;
  }
}

function electionInWords(election: Election, plan: FailoverPlan, positions: readonly Position[]): string {
  if (election.kind === 'elected') return `${election.host}: ${election.why}`;
  if (election.reason !== 'needs-approval') return `nobody (${election.reason}): ${election.why}`;
  const allowed = approved(plan, { by: '', at: 0, until: 0 });
  const then = elect(plan.inputs.members, positions, circumstancesOf(allowed));
  const would = then.kind === 'elected' ? `; once approved: ${then.host}: ${then.why}` : '';
  return `nobody (${election.reason}): ${election.why}${would}`;
}

function serversOf(
  { inputs }: FailoverPlan,
  positions: readonly Position[],
  election: Election,
): readonly ExplainedServer[] {
  return positions.map(({ host, version }) => {
    const member = inputs.members.find(({ id }) => id === host);
    if (member === undefined)
      return { host, dc: '', promote: '-', priority: 0, version, fate: 'paused: left alone' };
    const { dc = '', promote, priority } = member;
    return { host, dc, promote, priority, version, fate: fateOf(host, election) };
  });
}

function fateOf(host: string, election: Election): string {
  if (election.kind === 'elected' && election.host === host) return 'elected';
  return election.rejected.find((one) => one.host === host)?.why ?? 'waits for approval';
}
