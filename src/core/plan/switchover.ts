import { elect, type Election } from '../decide/elect.ts';
import { endMove, replicasBeside, takeOffice } from './office.ts';
import { failure, isDone, outcomeAs, outcomeOf, step, type Next, type SwitchoverPlan } from './plan.ts';
import type { Position, Step } from './steps.ts';

/** A hold outlasts the pause, so that it covers the way back, too. */
const wayBackMs = 5000;

/**
 * The plan of a planned change of the primary, as a function of its journal. Everything is looked at before anything changes; then clients wait, in
 * haproxy, while the old primary lets go and the new one takes over. Whatever goes wrong before the new primary is recorded takes everything back by
 * itself, and so does a pause that lasts too long.
 */
export function nextOfSwitchover(plan: SwitchoverPlan): Next {
  const back = whyBack(plan);
  if (back !== undefined) return failedOnTheWayBack(plan) ?? undo(plan, back);
  return failure(plan) ?? look(plan) ?? move(plan);
}

function refuse(why: string): Next {
  return { kind: 'finished', result: 'refused', why };
}

/** Nothing is changed yet, so a no costs nothing. */
function look(plan: SwitchoverPlan): Next | undefined {
  const { oldPrimary, members } = plan.inputs;
  const surveyed = outcomeAs(plan, 'preflight', 'surveyed');
  if (surveyed === undefined) {
    return step({ kind: 'preflight', from: oldPrimary, hosts: members.map(({ id }) => id) });
  }
  if (surveyed.problems.length > 0) return refuse(surveyed.problems.join('; '));
  const election = switchoverElection(plan);
  if (election.kind === 'refused') return refuse(election.why);
  if (!isDone(plan, 'prewarm')) return step({ kind: 'prewarm', host: election.host, from: oldPrimary });
  return undefined;
}

/** Clients wait from the first of these steps to the route that is published. */
function move(plan: SwitchoverPlan): Next {
  const { oldPrimary, epoch, terms } = plan.inputs;
  const host = electedOf(plan);
  if (!isDone(plan, 'hold-route'))
    return step({ kind: 'hold-route', forMs: terms.maxPauseMs + wayBackMs, from: oldPrimary });
  if (!isDone(plan, 'fence')) return step({ kind: 'fence', host: oldPrimary, epoch, drainMs: terms.drainMs });
  const until = outcomeAs(plan, 'fence', 'fenced')?.executed ?? '';
  const office = { host, until, expectedEpoch: epoch, read: readers(plan, host), planned: true } as const;
  return takeOffice(plan, { ...office, follow: replicasBeside(plan, host) }) ?? settle(plan, host);
}

/** Clients have gone on: nobody waits for the rest. */
function settle(plan: SwitchoverPlan, host: string): Next {
  const others = plan.inputs.members.map(({ id }) => id).filter((id) => id !== host);
  return isDone(plan, 'repoint')
    ? endMove(plan, host)
    : step({ kind: 'repoint', hosts: others, source: host, detach: true });
}

/** Whom the survey elects; what an operator asked for goes before the rules. */
export function switchoverElection(plan: SwitchoverPlan): Election {
  const { members, oldPrimary, to, awayFrom, rules } = plan.inputs;
  const surveyed = outcomeAs(plan, 'preflight', 'surveyed');
  const isBarred = (host: string): boolean =>
    awayFrom !== undefined && members.find(({ id }) => id === host)?.dc === awayFrom;
  const candidates = (surveyed?.positions ?? [])
    .filter(({ host }) => host !== oldPrimary)
    .map((position): Position => {
      return isBarred(position.host) ? { ...position, error: `it is in ${awayFrom ?? ''}` } : position;
    });
  const home = members.find(({ id }) => id === oldPrimary)?.dc;
  return elect(members, candidates, { home, to, rules, oldVersion: surveyed?.version });
}

function electedOf(plan: SwitchoverPlan): string {
  const election = switchoverElection(plan);
  return election.kind === 'elected' ? election.host : plan.inputs.oldPrimary;
}

/** Why everything is to be taken back, or undefined. Once another primary is recorded there is no way back any more. */
function whyBack(plan: SwitchoverPlan): string | undefined {
  const recorded = plan.entries.find(({ outcome }) => outcome.kind === 'recorded')?.step;
  if (recorded?.kind === 'record-primary' && recorded.host !== plan.inputs.oldPrimary) return undefined;
  if (plan.abandonedBy !== undefined) return `abandoned by ${plan.abandonedBy}`;
  const failed = plan.entries.find(
    ({ outcome, step: it }) => outcome.kind === 'failed' && !leadsBack(it, plan),
  );
  // A record that could not be written may stand all the same: nobody can tell where to go from there.
  if (failed?.step.kind === 'record-primary') return undefined;
  if (failed?.outcome.kind === 'failed') return `${failed.step.kind}: ${failed.outcome.why}`;
  return whyNotFenced(plan) ?? whyNotTaken(plan) ?? whyTooLong(plan);
}

function whyNotFenced(plan: SwitchoverPlan): string | undefined {
  const outcome = outcomeOf(plan, 'fence');
  if (outcome === undefined) return undefined;
  if (outcome.kind === 'unreachable')
    return `${plan.inputs.oldPrimary} does not answer any more: ${outcome.why}`;
  if (outcome.kind === 'fenced' && outcome.evidence === 'read-only' && outcome.executed !== undefined)
    return undefined;
  return `${plan.inputs.oldPrimary} did not let go as it should`;
}

function whyNotTaken(plan: SwitchoverPlan): string | undefined {
  const fallen = outcomeAs(plan, 'promote', 'fallen-back');
  if (fallen === undefined) return undefined;
  const lacks = fallen.missing === '' ? 'does not answer any more' : `lacks ${fallen.missing}`;
  return `promote: ${electedOf(plan)} ${lacks}`;
}

function whyTooLong(plan: SwitchoverPlan): string | undefined {
  const pausedMs = pauseOf(plan);
  const { maxPauseMs } = plan.inputs.terms;
  return pausedMs > maxPauseMs
    ? `clients had waited ${Math.round(pausedMs)} ms, ${maxPauseMs} ms is the limit`
    : undefined;
}

/** How long clients have waited, or did wait: from the hold to the new route, ms. */
export function pauseOf({ entries }: SwitchoverPlan): number {
  const first = entries.findIndex(({ step: { kind } }) => kind === 'hold-route');
  if (first < 0) return 0;
  const released = entries.findIndex(({ step: { kind } }, at) => at > first && kind === 'publish-route');
  const held = entries.slice(first, released < 0 ? undefined : released + 1);
  const from = held[0]?.at ?? 0;
  const last = held.at(-1);
  return last === undefined ? 0 : last.at + last.tookMs - from;
}

/** Its route, its writes, its replicas: under a new epoch when it may be fenced, for an agent never opens a fenced one again. */
function undo(plan: SwitchoverPlan, why: string): Next {
  const { oldPrimary, epoch, read } = plan.inputs;
  if (outcomeOf(plan, 'prewarm')?.kind !== 'done') return refuse(why);
  const recorded = outcomeAs(plan, 'record-primary', 'recorded');
  const isLetGo = mayBeFenced(plan);
  if (isLetGo) {
    if (recorded === undefined)
      return step({ kind: 'record-primary', host: oldPrimary, expectedEpoch: epoch });
    // An agent that cannot be asked now opens by the record once it can.
    if (!isDone(plan, 'open-writes') && outcomeOf(plan, 'fence')?.kind !== 'unreachable')
      return step({ kind: 'open-writes', host: oldPrimary, epoch: recorded.epoch });
  }
  if (!isDone(plan, 'publish-route')) return step({ kind: 'publish-route', write: oldPrimary, read });
  if (isLetGo && !isDone(plan, 'resume-replication'))
    return step({ kind: 'resume-replication', hosts: [electedOf(plan)], source: oldPrimary });
  const result = plan.abandonedBy === undefined ? 'undone' : 'abandoned';
  return { kind: 'finished', result, why, primary: oldPrimary };
}

/** The journal need not say so yet: from the hold on, a step begins while what the one before it brought is still being written. */
function mayBeFenced(plan: SwitchoverPlan): boolean {
  return outcomeOf(plan, 'hold-route')?.kind !== 'failed';
}

/** A step of the way back that does not work is for the operator. Opening is not: the agent opens by the record as soon as it can. */
function failedOnTheWayBack(plan: SwitchoverPlan): Next | undefined {
  const last = plan.entries.at(-1)?.step;
  return last !== undefined && last.kind !== 'open-writes' && leadsBack(last, plan)
    ? failure(plan)
    : undefined;
}

function leadsBack(it: Step, { inputs: { oldPrimary } }: SwitchoverPlan): boolean {
  if (it.kind === 'record-primary' || it.kind === 'open-writes') return it.host === oldPrimary;
  return it.kind === 'publish-route' ? it.write === oldPrimary : it.kind === 'resume-replication';
}

/** Readers go on; the new primary leaves the list, and the old one comes to it by its mark once it replicates. */
function readers(plan: SwitchoverPlan, primary: string): string[] {
  return plan.inputs.read.filter((id) => id !== primary && id !== plan.inputs.oldPrimary);
}
