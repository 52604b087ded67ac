import { randomUUID } from 'node:crypto';
import type { Decision } from '../../core/decide/decide.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { approvalInForce } from '../../core/model/approval.ts';
import { sameEndpoint } from '../../core/model/endpoint.ts';
import type { Watermark } from '../../core/model/group.ts';
import type { GroupSnapshot, MemberView } from '../../core/model/snapshot.ts';
import type { PrimaryRecord } from '../../core/model/group.ts';
import type {
  BootstrapPlan,
  ByHandPlan,
  FailoverPlan,
  FailoverRules,
  PlanMember,
  SwitchoverPlan,
} from '../../core/plan/plan.ts';
import type { SwitchoverTerms } from '../../core/plan/switchover-terms.ts';
import { JOURNAL_PROGRAM } from '../../core/store/journal.ts';
import type { PlanBeginning } from './plan-policy.ts';

/** The plan of a failover that this coordinator decided on. */
export function automaticFailover(
  decision: Extract<Decision, { kind: 'failover' }>,
  snapshot: GroupSnapshot,
  beginning: PlanBeginning,
): FailoverPlan {
  const { cause, seen } = decision;
  const plan = failoverPlan(snapshot, beginning, { cause, seen, automatic: true });
  const { approval: request, primary, takenAt: now } = snapshot;
  const approval = approvalInForce(request, { epoch: primary?.epoch, now });
  return approval === undefined ? plan : { ...plan, approval };
}

/** The plan of a failover that an operator asked for; on a healthy primary it loses nothing, for that one is fenced first. */
export function orderedFailover(
  snapshot: GroupSnapshot,
  beginning: PlanBeginning,
  /** `id`: of the plan, for an order that must not be carried out twice. */
  order: { readonly id?: string; readonly by: string; readonly to: string | undefined },
): FailoverPlan {
  const seen = [`asked for by ${order.by}`];
  const plan = failoverPlan(snapshot, beginning, { cause: 'operator', seen, automatic: false, to: order.to });
  return { ...plan, id: order.id ?? plan.id };
}

/** What an operator wants of a planned change. */
export interface SwitchoverOrder {
  readonly id: string;
  readonly by: string;
  readonly host?: string | undefined;
  readonly awayFrom?: string | undefined;
  readonly terms: SwitchoverTerms;
}

type Beginning = Pick<
  FailoverPlan,
  'program' | 'id' | 'group' | 'by' | 'startedAt' | 'startedBy' | 'entries'
>;

interface Reason {
  readonly cause: string;
  readonly seen: readonly string[];
  readonly automatic: boolean;
  readonly to?: string | undefined;
}

function failoverPlan(snapshot: GroupSnapshot, beginning: PlanBeginning, reason: Reason): FailoverPlan {
  const { group, members, watermark } = snapshot;
  const primary = recordedPrimary(snapshot);
  const atRest = hostsAtRest(snapshot, reason.to);
  const since = members.find(({ member }) => member.id === primary.id)?.presence?.since;
  return {
    ...begin(group, snapshot.takenAt, beginning.by),
    kind: 'failover',
    inputs: {
      cause: reason.cause,
      seen: [...reason.seen],
      automatic: reason.automatic,
      ...(reason.automatic && since !== undefined ? { since } : {}),
      oldPrimary: primary.id,
      epoch: primary.epoch,
      members: members.filter((view) => !atRest.includes(view)).map(planMember),
      ...(atRest.length === 0 ? {} : { leftAlone: atRest.map(({ member }) => member.id) }),
      ...(reason.to === undefined ? {} : { to: reason.to }),
      ...ofWatermark(watermark, primary.epoch),
      rules: rulesOf(reason, beginning.policy.rules),
      maxLoss: beginning.policy.maxLoss,
      catchUp: beginning.policy.catchUp,
      ...(reason.automatic ? { quorum: beginning.policy.quorum ?? 'half' } : {}),
      durable: beginning.policy.semiSync?.mode === 'required',
      read: readersOf(snapshot),
    },
  };
}

/** What the old primary said of itself; in an older epoch, it was another server that spoke. */
function ofWatermark(
  watermark: Watermark | undefined,
  epoch: number,
): Pick<FailoverPlan['inputs'], 'watermark' | 'watermarkAt' | 'trail' | 'oldVersion'> {
  if (watermark?.epoch !== epoch) return { watermark: watermark?.executed ?? '' };
  const { executed, at, trail = [], mysql } = watermark;
  const said = { watermark: executed, watermarkAt: at, trail: [...trail] };
  return { ...said, ...(mysql === undefined ? {} : { oldVersion: mysql }) };
}

/** An order is an operator's approval. */
function rulesOf(
  { automatic }: Pick<Reason, 'automatic'>,
  rules: FailoverRules | undefined,
): FailoverRules | undefined {
  if (automatic || rules?.crossDc !== 'needs-approval') return rules;
  return { ...rules, crossDc: 'allowed' };
}

function recordedPrimary({ primary, group }: GroupSnapshot): PrimaryRecord {
  if (primary !== undefined) return primary;
  throw new DcmhaError('NOT_FOUND', `${group} has no recorded primary: dcmha add --group ${group}`, {
    details: { group },
  });
}

/**
 * Paused hosts are neither frozen, elected nor repointed; one that is read from stays so. Throws `PEER_REFUSED` when the operator's choice
 * is one of them.
 */
function hostsAtRest(
  { group, members, primary }: GroupSnapshot,
  to: string | undefined,
): readonly MemberView[] {
  const atRest = members.filter(({ member, paused }) => paused === true && member.id !== primary?.id);
  if (to === undefined || !atRest.some(({ member }) => member.id === to)) return atRest;
  throw new DcmhaError('PEER_REFUSED', `${to} is paused: dcmha unsetwhite --group ${group} --host ${to}`, {
    details: { group, host: to },
  });
}

/** The plan of a planned change; bears the order's id, so that it is not carried out twice. */
export function switchoverPlan(
  snapshot: GroupSnapshot,
  { by, policy }: PlanBeginning,
  order: SwitchoverOrder,
): SwitchoverPlan {
  const { group, members, takenAt } = snapshot;
  const { id, epoch } = recordedPrimary(snapshot);
  const atRest = hostsAtRest(snapshot, order.host);
  const rules = rulesOf({ automatic: false }, policy.rules);
  return {
    ...begin(group, takenAt, by),
    id: order.id,
    kind: 'switchover',
    inputs: {
      cause: 'operator',
      seen: [`asked for by ${order.by}`],
      oldPrimary: id,
      epoch,
      members: members.filter((view) => !atRest.includes(view)).map(planMember),
      ...(order.host === undefined ? {} : { to: order.host }),
      ...(order.awayFrom === undefined ? {} : { awayFrom: order.awayFrom }),
      read: readersOf(snapshot),
      ...(rules === undefined ? {} : { rules }),
      durable: policy.semiSync?.mode === 'required',
      terms: order.terms,
    },
  };
}

/** The plan of a group's first primary. */
export function bootstrapPlan(
  snapshot: GroupSnapshot,
  beginning: PlanBeginning,
  to: string | undefined,
): BootstrapPlan {
  const { group, members, primary } = snapshot;
  return {
    ...begin(group, snapshot.takenAt, beginning.by),
    kind: 'bootstrap',
    inputs: {
      members: members.map(planMember),
      ...(to === undefined ? {} : { to }),
      epoch: primary?.epoch ?? -1,
      ...(beginning.policy.rules === undefined ? {} : { allowedDcs: beginning.policy.rules.allowedDcs }),
    },
  };
}

/** The plan of a primary that an operator names. */
export function byHandPlan(
  snapshot: GroupSnapshot,
  by: string,
  order: {
    readonly host: string;
    readonly by: string;
    readonly reroute: boolean;
    /** What was found amiss and passed over. */
    readonly skipped: readonly string[];
  },
): ByHandPlan {
  const { primary, group, watermark } = snapshot;
  if (primary === undefined) throw new DcmhaError('NOT_FOUND', `${group} has no recorded primary`);
  return {
    ...begin(group, snapshot.takenAt, by),
    kind: 'by-hand',
    inputs: {
      cause: `operator ${order.by}`,
      host: order.host,
      oldPrimary: primary.id,
      epoch: primary.epoch,
      watermark: watermark?.executed ?? '',
      reroute: order.reroute,
      skipped: [...order.skipped],
      read: readersOf(snapshot),
    },
  };
}

/** Whom the published route reads from. */
function readersOf({ members, route }: GroupSnapshot): string[] {
  const read = route?.route.read ?? [];
  return members
    .filter(({ member }) => read.some((at) => sameEndpoint(at, member.endpoint)))
    .map(({ member }) => member.id);
}

function begin(group: string, startedAt: number, by: string): Beginning {
  return { program: JOURNAL_PROGRAM, id: randomUUID(), group, by, startedAt, startedBy: by, entries: [] };
}

function planMember({ member }: MemberView): PlanMember {
  const { id, dc, priority, promote, from } = member;
  return {
    id,
    priority,
    promote,
    ...(dc === undefined ? {} : { dc }),
    ...(from === undefined ? {} : { from }),
  };
}
