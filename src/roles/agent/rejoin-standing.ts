import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { hasNoWayBack, heldOf, nextOfRejoin, outcomeOf, type RejoinPlan } from '../../core/rejoin/plan.ts';
import type { ClonePolicy } from '../../core/rejoin/clone-plan.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { Mysql } from '../../ports/mysql.ts';
import { readPolicy } from '../../core/store/policy.ts';
import type { AgentDeps, AgentOptions, RejoinDeps } from './deps.ts';

const sqlMs = 10_000;

/** Whether this server may be overwritten: the group's policy goes before the configuration file's; one that cannot be read says no. */
export async function clonePolicyOf(
  { coordination, rejoin }: AgentDeps,
  { rejoinClone }: AgentOptions,
  group: string,
): Promise<ClonePolicy> {
  if (rejoin?.clone === undefined) return 'never';
  try {
    return (await readPolicy(coordination, group)).rejoin?.clone ?? rejoinClone ?? 'never';
  } catch (error) {
    if (hasCode(error, 'ZNODE_MALFORMED')) return 'never';
    throw error;
  }
}

/**
 * What was executed since the plan began would not be in it; once rows are taken back, there is no way but on. A plan that began before
 * mysqld was started has looked since, or will; where it found nothing left, there is nothing to be different.
 */
export async function isStillTrue(
  plan: RejoinPlan,
  { mysql, rejoin }: AgentDeps,
  { server, signal }: { readonly server: Endpoint; readonly signal: AbortSignal },
): Promise<boolean> {
  if (hasNoWayBack(plan) || rejoin === undefined) return true;
  const isOpen = plan.inputs.cut !== undefined && outcomeOf(plan, 'recovered') === undefined;
  if (isOpen || heldOf(plan).errant === '') return true;
  const options = { timeoutMs: sqlMs, signal };
  const { executed } = await mysql.status(server, options);
  const isAsPlanned = parseGtidSet(executed).equals(parseGtidSet(heldOf(plan).own));
  return isAsPlanned || (await rejoin.rollback.isMarked(server, plan.id, options));
}

/**
 * The only term that a plan may go on in: until it has changed anything, what is errant is a matter of who the primary is. What another
 * primary lacks, too, would be gone from the binlog with the rest. Undefined once there is no way but on.
 */
export function boundEpoch(plan: RejoinPlan): number | undefined {
  return hasNoWayBack(plan) || plan.inputs.cut !== undefined ? undefined : plan.inputs.epoch;
}

/** Why a server without any plan must not follow: a CLONE into it broke off, and its GTID set is as empty as its data. */
export async function whyHalfCloned(
  { clone }: RejoinDeps,
  server: Endpoint,
  signal: AbortSignal,
): Promise<string | undefined> {
  const standing = await clone?.cloning.standing(server, { timeoutMs: sqlMs, signal });
  if (standing?.kind !== 'half') return undefined;
  return `a CLONE into this server broke off after its data was dropped (${standing.why}): re-provision it from a healthy one`;
}

/**
 * A plan that ended while this server was neither what it had been nor a replica, as it goes on from there; undefined when the server is
 * whole, or is another by now. It may not go on: `nextOfRejoin` says why.
 */
export async function reopened(
  plan: RejoinPlan,
  policy: ClonePolicy,
  {
    mysql,
    rejoin,
    server,
    signal,
  }: {
    readonly mysql: Mysql;
    readonly rejoin: RejoinDeps;
    readonly server: Endpoint;
    readonly signal: AbortSignal;
  },
): Promise<RejoinPlan | undefined> {
  const options = { timeoutMs: sqlMs, signal };
  if (!(await isWreck())) return undefined;
  const again = { ...plan, ended: undefined, inputs: { ...plan.inputs, clone: policy } };
  const isBarred = nextOfRejoin(again).kind === 'stays-out' && policy === 'allowed';
  // What failed is tried once more: somebody may have put right what was in its way.
  return isBarred ? { ...again, entries: plan.entries.slice(0, -1) } : again;

  /** What was cut off its binlog is in the copy alone, so only this plan can go on with it. */
  async function isAsCut(): Promise<boolean> {
    if (outcomeOf(plan, 'cut') === undefined) return false;
    const { executed } = await mysql.status(server, options);
    return parseGtidSet(executed).equals(parseGtidSet(heldOf(plan).own));
  }

  async function isWreck(): Promise<boolean> {
    const prepared = outcomeOf(plan, 'prepared');
    if (prepared === undefined)
      return (
        (await isAsCut()) ||
        (outcomeOf(plan, 'rolled-back') !== undefined && rejoin.rollback.isMarked(server, plan.id, options))
      );
    const standing = await rejoin.clone?.cloning.standing(server, options);
    return (
      standing !== undefined &&
      standing.kind !== 'none' &&
      standing.kind !== 'refused' &&
      standing.begunAt !== prepared.before
    );
  }
}
