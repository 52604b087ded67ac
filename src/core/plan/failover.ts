import { elect, type Election } from '../decide/elect.ts';
import type { Circumstances } from '../decide/placement.ts';
import { whyNotDurable } from '../decide/semi-sync.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import { fallenTooOften, onceHeld, sinceFallBack } from './fall-back.ts';
import { endMove, giveBack, replicasBeside, takeOffice } from './office.ts';
import { failure, isDone, outcomeAs, outcomeOf, step, type FailoverPlan, type Next } from './plan.ts';
import { whyTooMuchIsLost } from './loss-limit.ts';
import { whyTooFewAsked } from './plan-quorum.ts';

type Elected = Extract<Election, { kind: 'elected' }>;

/**
 * The next step of a failover: a function of what was recorded, so that every coordinator that takes the plan over chooses the same.
 * Writes open only after the record; replicas are repointed after that, so that the outage does not wait for the slowest of them.
 */
export function nextOfFailover(plan: FailoverPlan): Next {
  const now = sinceFallBack(plan);
  return failure(plan) ?? undo(plan) ?? fallenTooOften(plan) ?? stopOld(now) ?? choose(now, knownLoss(plan));
}

/** Until it is certain that the old primary takes no more writes. */
function stopOld(plan: FailoverPlan): Next | undefined {
  const { oldPrimary, epoch } = plan.inputs;
  if (!isDone(plan, 'close-route')) return step({ kind: 'close-route' });
  if (!isDone(plan, 'fence')) return step({ kind: 'fence', host: oldPrimary, epoch });
  const fenced = outcomeAs(plan, 'fence', 'fenced');
  if (fenced === undefined && !isDone(plan, 'await-leases'))
    return step({ kind: 'await-leases', host: oldPrimary, epoch });
  if (!isDone(plan, 'freeze')) {
    const hosts = plan.inputs.members.map(({ id }) => id).filter((id) => id !== oldPrimary);
    const until = fenced?.executed;
    return step({ kind: 'freeze', hosts, ...(until === undefined ? {} : { until, from: oldPrimary }) });
  }
  return undefined;
}

/** From the positions to the end. */
function choose(plan: FailoverPlan, loss: Loss): Next {
  const election = electionOf(plan);
  if (election.kind === 'refused') return { kind: 'blocked', reason: election.reason, why: election.why };
  if (election.behind && !isDone(plan, 'equalize')) {
    return step({
      kind: 'equalize',
      host: election.host,
      source: election.mostAdvanced,
      until: election.set,
    });
  }
  if (!isDone(plan, 'catch-up')) {
    return step({
      kind: 'catch-up',
      host: election.host,
      from: plan.inputs.oldPrimary,
      epoch: plan.inputs.epoch,
    });
  }
  const tooMuch = whyTooMuchIsLost(plan, loss, election);
  if (tooMuch !== undefined) return { kind: 'blocked', reason: 'would-lose-data', why: tooMuch };
  const tooFew = whyTooFewAsked(plan);
  if (tooFew !== undefined) return { kind: 'blocked', reason: 'no-quorum', why: tooFew };
  const doubt = whyInDoubt(plan);
  if (doubt !== undefined) return { kind: 'blocked', reason: 'not-durable', why: doubt };
  const { host } = election;
  const office = { host, until: heldBy(plan, election), expectedEpoch: plan.inputs.epoch };
  const follow = replicasBeside(plan, host);
  return takeOffice(plan, { ...office, read: readers(plan, host), follow }) ?? settle(plan, election);
}

/**
 * Under `semiSync.mode: required`: why the elected one may lack a transaction that was acknowledged. It lacks none when all that the old
 * primary had was carried over, or when enough of those are known who hold what is acknowledged. An operator who names the server decides.
 */
function whyInDoubt(plan: FailoverPlan): string | undefined {
  const { durable, to, oldPrimary } = plan.inputs;
  if (durable !== true || to !== undefined || outcomeAs(plan, 'catch-up', 'caught-up') !== undefined)
    return undefined;
  const frozen = outcomeAs(plan, 'freeze', 'positions');
  const told = frozen?.positions.filter(({ error, unheard }) => error === undefined && unheard !== true);
  const known = told?.map(({ host }) => host) ?? [];
  const why = whyNotDurable(frozen?.durability ?? [], known);
  if (why === undefined) return undefined;
  return `what ${oldPrimary} acknowledged may be lost: ${why}. Bring one of these back and: dcmha task retry; or accept that: dcmha task abandon, then dcmha failover --group ${plan.group} --to HOST`;
}

/** Replicas follow, routers confirm, the old primary's return is prepared. */
function settle(plan: FailoverPlan, { host }: Elected): Next {
  const { oldPrimary, members } = plan.inputs;
  if (!isDone(plan, 'repoint')) {
    const alive = outcomeAs(plan, 'fence', 'fenced')?.executed !== undefined;
    const hosts = members.map(({ id }) => id).filter((id) => id !== host && (id !== oldPrimary || alive));
    return step({ kind: 'repoint', hosts, source: host });
  }
  return endMove(plan, host);
}

/** Of a plan that an operator has abandoned. */
function undo(plan: FailoverPlan): Next | undefined {
  const { oldPrimary, read, members } = plan.inputs;
  return giveBack(plan, {
    isRouteOurs: true,
    readOf: (primary) => (primary === oldPrimary ? read : readers(plan, primary)),
    replicas: members.map(({ id }) => id).filter((id) => id !== oldPrimary),
  });
}

/** What the elected one must hold now: all that any candidate received, and what was carried over. */
function heldBy(plan: FailoverPlan, { set }: Elected): string {
  const outcome = outcomeOf(plan, 'catch-up');
  const executed = outcome?.kind === 'caught-up' || outcome?.kind === 'not-caught-up' ? outcome.executed : '';
  return parseGtidSet(set).union(parseGtidSet(executed)).toCompactString();
}

/** Whom the recorded positions elect. */
export function electionOf(plan: FailoverPlan): Election {
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  return elect(plan.inputs.members, positions, circumstancesOf(plan));
}

/** What the rules of placement go by. */
export function circumstancesOf({ inputs, approval }: FailoverPlan): Circumstances {
  const { members, oldPrimary, to, rules, oldVersion } = inputs;
  const home = members.find(({ id }) => id === oldPrimary)?.dc;
  return { home, to, rules, oldVersion, approved: approval !== undefined };
}

/** Transactions that are known to be missing. */
export interface Loss {
  readonly missing: string;
  readonly count: bigint;
}

/** What is known to be missing at the elected one after the catch-up, counted against the watermark and the old binlog. */
export function knownLoss(plan: FailoverPlan): Loss {
  const outcome = outcomeOf(plan, 'catch-up');
  if (outcome?.kind !== 'caught-up' && outcome?.kind !== 'not-caught-up') return { missing: '', count: 0n };
  const known = parseGtidSet(plan.inputs.watermark)
    .union(parseGtidSet(outcome.kind === 'not-caught-up' ? outcome.missing : ''))
    .union(parseGtidSet(outcomeAs(plan, 'fence', 'fenced')?.executed ?? ''))
    .union(onceHeld(plan));
  const missing = known.subtract(parseGtidSet(outcome.executed)).subtract(parseGtidSet(outcome.coming ?? ''));
  return { missing: missing.toCompactString(), count: missing.count() };
}

/** The read list while the dust settles: frozen candidates that were readers; a lone server reads from itself. */
function readers(plan: FailoverPlan, primary: string): string[] {
  const alive =
    outcomeAs(plan, 'freeze', 'positions')?.positions.filter(({ error }) => error === undefined) ?? [];
  const { read, leftAlone = [] } = plan.inputs;
  return [...alive.map(({ host }) => host), ...leftAlone].filter((id) => id !== primary && read.includes(id));
}
